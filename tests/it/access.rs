//! How we prove who we are: client certificates, and tokens that outlive a restart.

use ml_connector::simulator::sage100;
use ml_connector::simulator::wire::Tls;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::world::{Wishes, World};

/// An authority, and what it has signed: for the agent, and for us.
struct Papers {
    authority: String,
    server: (String, String),
    client: (String, String),
}

fn papers() -> Papers {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let signed = |name: &str, purpose: ExtendedKeyUsagePurpose| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    Papers {
        authority: authority.pem(),
        server: signed("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth),
        client: signed("ml-connector", ExtendedKeyUsagePurpose::ClientAuth),
    }
}

async fn world(papers: &Papers) -> World {
    let mut wishes = Wishes::plain(2).unhurried();
    let tls = Tls {
        certificate: papers.server.0.clone(),
        key: papers.server.1.clone(),
        client_authority: Some(papers.authority.clone()),
    };
    wishes.sage = sage100::Options { api_key: None, tls: Some(tls), ..sage100::Options::default() };
    wishes.sage_connection = "    auth: mutual_tls\n    ca_file: ca.pem\n";
    let world = World::new(wishes).await;
    std::fs::write(world.path().join("ca.pem"), &papers.authority).unwrap();
    world
}

/// What the program says, both ways, and its exit code.
async fn say(world: &World, arguments: &[&str]) -> (String, i32) {
    let output = world.program(arguments).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (format!("{out}{err}"), output.status.code().unwrap())
}

async fn set(world: &World, name: &str, pem: &str) {
    let file = world.path().join("secret.pem");
    std::fs::write(&file, pem).unwrap();
    let (told, code) = say(world, &["secret", "set", name, "--file", file.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{told}");
    assert!(!told.contains("BEGIN"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_opens_the_agent() {
    let papers = papers();
    let world = world(&papers).await;
    let (told, code) = say(&world, &["ping", "sage"]).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("sage.certificate") && told.contains("secret set"), "{told}");
    set(&world, "sage.certificate", &papers.client.0).await;
    set(&world, "sage.certificate_key", &papers.client.1).await;
    let (told, code) = say(&world, &["ping", "sage"]).await;
    assert_eq!(code, 0, "{told}");
    let (told, code) = say(&world, &["run", "--until-idle"]).await;
    assert_eq!(code, 0, "{told}");
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_a_strange_authority_opens_nothing() {
    let (ours, strange) = (papers(), papers());
    let world = world(&ours).await;
    set(&world, "sage.certificate", &strange.client.0).await;
    set(&world, "sage.certificate_key", &strange.client.1).await;
    let (told, code) = say(&world, &["ping", "sage"]).await;
    assert_eq!(code, 1, "{told}");
    // Nor do we trust an agent whose authority we do not know.
    set(&world, "sage.certificate", &ours.client.0).await;
    set(&world, "sage.certificate_key", &ours.client.1).await;
    std::fs::write(world.path().join("ca.pem"), &strange.authority).unwrap();
    let (told, code) = say(&world, &["ping", "sage"]).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("certificate"), "{told}");
    assert!(!world.sage.system.controls().requests().iter().any(|entry| entry.endpoint == "company"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_outlives_a_restart_and_lies_encrypted() {
    let world = World::new(Wishes::plain(2)).await;
    world.run_well().await;
    world.sage.system.add_orders(2);
    world.run_well().await;
    assert_eq!(world.ups.system.summary().tokens, 1);
    let (engine, store) = world.engine();
    let kept =
        ml_connector::store::Store::blob(&*store, "token/ups/oauth2_client_credentials").unwrap().unwrap();
    assert!(!kept.windows(8).any(|bytes| bytes == b"\"token\":"), "the token lies in the clear");
    drop(engine);
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_the_merchant_that_the_connection_names() {
    let named = "      late_effect: 200ms\n      lookup_lag: 200ms\n      merchant_id: \"A9B8C7\"\n";
    let worlds = [Wishes::plain(1), Wishes::plain(1).ups_settings(named)];
    let mut merchants = Vec::new();
    for wishes in worlds {
        let world = World::new(wishes).await;
        world.run_well().await;
        merchants.push(world.ups.system.state().merchants.into_iter().collect::<Vec<_>>());
    }
    assert_eq!(merchants, [Vec::new(), vec!["A9B8C7".to_owned()]]);
}
