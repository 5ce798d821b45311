//! The OpenAPI files of V1 and V2, against which every request is checked.

use std::sync::OnceLock;

use serde_json::Value;

use super::state::Api;
use crate::simulator::contract::{Contract, Violation};
use crate::simulator::exchange::Call;

type Cell = OnceLock<Result<Contract, String>>;

/// The contract of one of the two.
///
/// # Errors
/// When the file is not YAML, which a test rules out.
pub fn contract(api: Api) -> &'static Result<Contract, String> {
    static V1: Cell = OnceLock::new();
    static V2: Cell = OnceLock::new();
    match api {
        Api::V1 => V1.get_or_init(|| {
            Contract::parse(
                include_str!("../../../tests/contracts/shipstation/shipstation-v1-openapi.yaml"),
                "",
            )
        }),
        Api::V2 => V2.get_or_init(|| {
            Contract::parse(
                include_str!("../../../tests/contracts/shipstation/shipstation-v2-openapi.yaml"),
                "",
            )
        }),
    }
}

/// What is wrong with a request.
pub fn check(api: Api, call: &Call, body: Option<&Value>) -> Vec<Violation> {
    match contract(api) {
        Ok(contract) => contract.check_request(call, body),
        Err(error) => vec![Violation {
            operation: format!("{api:?}"),
            path: "contract".into(),
            message: format!("the contract cannot be read: {error}"),
        }],
    }
}
