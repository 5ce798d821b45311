//! About systems.

use super::{Code, code};

/// The codes of this family.
pub(super) const CODES: &[Code] = &[
    code(
        "not-a-url",
        "Something is not a URL",
        "A base URL begins with `https://`, or `http://` inside your own network.",
    ),
    code(
        "bad-path",
        "A path is not well formed",
        "The path is appended to the base URL, so it begins with `/`. Query parameters are written under `query:`, where they are encoded.",
    ),
    code(
        "not-a-parameter",
        "A parameter is not one value",
        "Query parameters and headers are single texts or numbers. Join lists with `| join(',')`.",
    ),
    code(
        "unknown-credential",
        "There is no such credential",
        "Auth blocks name the credentials that a connection's vault holds; each is declared under `credentials:`.",
    ),
    code(
        "unknown-operation",
        "There is no such operation",
        "Calls are written `role.operation`; what can be called is declared under `operations:` of the system.",
    ),
    code(
        "ping-not-read",
        "The ping does more than read",
        "The ping runs whenever someone looks whether a connection works, so it must not change anything.",
    ),
    code(
        "lookup-not-read",
        "A look-up does more than read",
        "After a crash a look-up is repeated until the outcome is known, so it must not change anything.",
    ),
    code(
        "compensate-not-idempotent",
        "What undoes something is not safe to repeat",
        "When the answer to an undo is lost, it is sent again, so undoing twice must be harmless. One that only reads undoes nothing.",
    ),
    code(
        "lookup-without-found",
        "A look-up does not say what it found",
        "The result of a look-up has a field `found`: a list with one entry, shaped as the create's own result, for each thing that carries our reference.",
    ),
    code(
        "page-not-used",
        "A stream never asks for its next page",
        "The stream has pages, but its request is the same for all of them: the first page would be read for ever.",
    ),
    code(
        "cursor-not-used",
        "A stream never uses its cursor",
        "The stream has a cursor, but its request does not send it: each poll would read everything there is.",
    ),
    code(
        "wrong-body",
        "A transport cannot send this body",
        "Each kind of transport sends its own forms of body: `rest` and `odata` send `json`, `graphql` sends `graphql`, `soap` and `enet` send `xml`. Write the request's body in that form, or choose the transport that speaks to this API.",
    ),
    code(
        "several-bodies",
        "A request has several bodies",
        "A request carries one body at most: `json`, `xml` or `graphql`.",
    ),
    code(
        "template-not-here",
        "A template in text that must not vary",
        "A GraphQL document is sent as it is written; what varies belongs into its variables, where no value can change what the document means.",
    ),
    code(
        "batch-on-create",
        "Something that must happen once is sent in company",
        "When the answer to a call with many inputs is lost, each of them would have to be looked up alone, and half of them may be there. So only what reads or can be repeated without harm may share a call.",
    ),
    code(
        "size-not-used",
        "A request does not say how large a page it wants",
        "With `halve`, smaller pages are asked for when a page fails, but this request does not pass on `page.size`: every page would stay as large as it is.",
    ),
    code(
        "secret-not-here",
        "A credential in a path or a header",
        "`secret.NAME` stands for a credential that the auth kind puts into the query or the body just before sending. Paths are shown in logs and errors, and headers have auth kinds of their own.",
    ),
    code(
        "auth-without-secret",
        "A kind of auth that leaves requests without their credentials",
        "Requests use `secret.NAME`, but a connection that chooses this kind would send them without the credential. All kinds of one system must put the same names into requests.",
    ),
    code(
        "pointer-and-record",
        "A webhook gives records in two ways",
        "With `pointer` the body only says where records are to be fetched, and what is there is a page of the stream that it names. `record` and `give` make records of the body itself.",
    ),
    code(
        "bad-host-pattern",
        "A pattern of hosts cannot be used",
        "A pointer is what somebody else wrote, and we follow it with our credentials. So the hosts that it may lead to are listed, each as a regular expression that matches the whole name: `ssapi\\d*\\.example\\.com`. One that matches any name would let a sender choose where our credentials go.",
    ),
    code(
        "register-effect",
        "An operation cannot be used to register a webhook",
        "What is registered is looked at when the engine starts and every few hours after, and put right where it is not: the list must be a `read`, and creating and removing must be `idempotent`, since both are repeated.",
    ),
    code(
        "register-shape",
        "An operation to register a webhook has another shape",
        "The engine calls `list` without input and reads `found`, a list of `{ id, url, event, active }`, from its result; `create` with `url`, `event` and `name`; `remove` with `id`. What else such an operation needs must be optional, or stand in its request.",
    ),
];
