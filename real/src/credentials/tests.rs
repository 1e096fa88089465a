//! Who may come, and who not: every wrong credential is refused by both sides, with its reason.

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;

use raddle_net::hello::{Hello, Welcome};
use raddle_net::names::Session;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::conn;
use crate::listener::Listener;
use crate::rt;

/// Comes as `role` to somebody who listens as `part`.
async fn comes(
    role: Role,
    shows: &Credentials,
    part: Part,
    asks: &Credentials,
) -> Result<String, String> {
    let listener = Listener::bind("127.0.0.1", 0, part, asks).await.map_err(|e| e.to_string())?;
    let address = listener.address().to_owned();
    let serve = listener.serve(
        &[Role::Client, Role::Data, Role::Worker, Role::Relay],
        |_, visitor| async move {
            drop(visitor.welcome(Welcome::new(1)).await);
        },
    );
    let hello = Hello::new(role, Session::truncate(5));
    rt::select! {
        biased;
        () = serve => unreachable!("it listens for ever"),
        result = conn::connect(&address, hello, shows) => match result {
            Ok((_, connection)) => Ok(connection.peer),
            Err(error) => Err(error.to_string().replace(&address, "ADDRESS")),
        },
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    rt::block_on(test).expect("a runtime")
}

/// Some files of `credentials`, by their names and by what they are called in the copy.
fn some_of(credentials: &Credentials, names: &[(&str, &str)]) -> Credentials {
    let from = credentials.folder().expect("they have one");
    let to = files::temporary().expect("a folder");
    for (name, copy) in names {
        std::fs::copy(from.join(name), to.join(copy)).expect("a file");
    }
    let some = Credentials::load(&to).expect("they are good");
    std::fs::remove_dir_all(to).expect("it is ours");
    some
}

#[test]
fn who_has_the_certificate_for_a_role_may_come_in_it_and_in_no_other() {
    run(async {
        let all = Credentials::temporary().unwrap();
        for (role, part) in [
            (Role::Client, Part::Scheduler),
            (Role::Worker, Part::Scheduler),
            (Role::Data, Part::Worker),
        ] {
            let peer = comes(role, &all, part, &all).await.unwrap();
            assert!(peer.starts_with("tls://"), "{peer}");
        }
        let own = ["ca.pem", "client.pem", "client.key", "token"].map(|name| (name, name));
        let client = some_of(&all, &own);
        assert!(comes(Role::Client, &client, Part::Scheduler, &all).await.is_ok());
        assert!(comes(Role::Data, &client, Part::Worker, &all).await.is_ok());
        assert!(comes(Role::Relay, &client, Part::Scheduler, &all).await.is_ok());
        let own = ["ca.pem", "scheduler.pem", "scheduler.key", "token"].map(|name| (name, name));
        let scheduler = some_of(&all, &own);
        assert!(comes(Role::Data, &scheduler, Part::Worker, &all).await.is_ok(), "for a client");
        assert!(comes(Role::Relay, &scheduler, Part::Scheduler, &all).await.is_err());
        let error = comes(Role::Worker, &client, Part::Scheduler, &all).await.unwrap_err();
        assert!(error.contains("no certificate for what this process does here: worker.pem"));
        let feigned =
            [("ca.pem", "ca.pem"), ("client.pem", "worker.pem"), ("client.key", "worker.key")];
        let feigned = some_of(&all, &feigned);
        assert_eq!(
            comes(Role::Worker, &feigned, Part::Scheduler, &all).await.unwrap_err(),
            "ADDRESS refused the connection: the certificate is not one for this role; use the one \
             that was made for it"
        );
        let error = Listener::bind("127.0.0.1", 0, Part::Scheduler, &client).await.unwrap_err();
        assert!(error.to_string().contains("there is no scheduler.pem"), "{error}");
        let error = comes(Role::Client, &all, Part::Worker, &all).await.unwrap_err();
        assert!(error.contains("TLS failed"), "a worker is not taken for the scheduler: {error}");
    });
}

#[test]
fn certificates_of_another_cluster_and_none_are_refused() {
    run(async {
        let (ours, theirs) = (Credentials::temporary().unwrap(), Credentials::temporary().unwrap());
        let error = comes(Role::Client, &theirs, Part::Scheduler, &ours).await.unwrap_err();
        assert!(error.contains("TLS failed"), "{error}");
        let error = comes(Role::Client, &Credentials::none(), Part::Scheduler, &ours).await;
        assert!(error.unwrap_err().contains("this process has no certificates"));
        let error = comes(Role::Client, &ours, Part::Scheduler, &Credentials::none()).await;
        assert!(error.unwrap_err().contains("write tls:// in place of tcp://"));
    });
}

#[test]
fn who_has_the_token_may_come_and_both_sides_must_have_it() {
    run(async {
        let one = some_of(&Credentials::temporary().unwrap(), &[("token", "token")]);
        let other = some_of(&Credentials::temporary().unwrap(), &[("token", "token")]);
        let none = Credentials::none();
        let peer = comes(Role::Client, &one, Part::Scheduler, &one).await.unwrap();
        assert!(peer.starts_with("tcp://"), "{peer}");
        assert_eq!(
            comes(Role::Client, &other, Part::Scheduler, &one).await.unwrap_err(),
            "ADDRESS refused the connection: the token is not the one of this cluster"
        );
        let error = comes(Role::Client, &none, Part::Scheduler, &one).await.unwrap_err();
        assert!(error.contains("it asks for the token of its cluster"), "{error}");
        let error = comes(Role::Client, &one, Part::Scheduler, &none).await.unwrap_err();
        assert!(error.contains("it has not shown that it has the token"), "{error}");
    });
}

#[test]
fn a_proof_is_good_for_one_challenge_one_hello_and_one_side() {
    let token = Token::new("a secret of many characters").unwrap();
    let challenge = Token::challenge(b"hello".to_vec()).unwrap();
    let answer = token.answer(&challenge).unwrap();
    let proof = token.judge(&challenge, &answer).expect("it is right");
    assert!(token.is_proven(&challenge, &answer, &proof));
    assert!(!token.is_proven(&challenge, &answer, &answer.proof), "one's own proves nothing");
    let other_hello = Challenge { hello: b"hullo".to_vec(), ..challenge };
    assert_eq!(token.judge(&other_hello, &answer), None);
    let another = Token::challenge(b"hello".to_vec()).unwrap();
    assert_eq!(token.judge(&another, &answer), None);
    assert!(Token::new("short").is_none());
}

#[test]
fn what_others_can_read_is_no_secret_and_what_is_there_is_not_overwritten() {
    let folder = files::temporary().unwrap();
    init(&folder).unwrap();
    let again = init(&folder).unwrap_err().to_string();
    assert!(again.contains("ca.pem"), "{again}");
    for name in ["token", "worker.key"] {
        let path = folder.join(name);
        let permit = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        permit(0o644).unwrap();
        let error = Credentials::load(&folder).unwrap_err().to_string();
        assert!(error.contains("others can read") && error.contains(name), "{error}");
        permit(0o600).unwrap();
    }
    assert!(Credentials::load(&folder).is_ok());
    std::fs::remove_dir_all(&folder).unwrap();
    let error = Credentials::load(&folder).unwrap_err().to_string();
    assert!(error.contains("it holds neither ca.pem nor token"), "{error}");
}

#[test]
fn the_key_of_the_authority_is_nowhere() {
    let folder = files::temporary().unwrap();
    init(&folder).unwrap();
    let files = std::fs::read_dir(&folder).unwrap();
    let mut names: Vec<_> = files.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let all = ["ca.pem", "client.key", "client.pem", "scheduler.key", "scheduler.pem", "token"];
    assert_eq!(names, [&all[..], &["worker.key", "worker.pem"]].concat());
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for name in &names {
        let is_key = text(name).contains("PRIVATE KEY");
        assert_eq!(is_key, name.ends_with(".key"), "{name:?}");
    }
    // A certificate holds the public half of its key, as it is.
    let certificate = |name: &str| CertificateDer::from_pem_slice(text(name).as_bytes()).unwrap();
    let holds = |certificate: &[u8], key: &rcgen::KeyPair| {
        let public = key.public_key_raw();
        certificate.windows(public.len()).any(|bytes| bytes == public)
    };
    for part in ["client", "scheduler", "worker"] {
        let key = rcgen::KeyPair::from_pem(&text(&format!("{part}.key"))).unwrap();
        assert!(holds(&certificate(&format!("{part}.pem")), &key), "{part}");
        assert!(!holds(&certificate("ca.pem"), &key), "{part}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn temporary_credentials_go_with_their_last_clone() {
    let credentials = Credentials::temporary().unwrap();
    let folder = credentials.folder().unwrap().to_owned();
    let clone = credentials.clone();
    drop(credentials);
    assert!(folder.join("ca.pem").exists());
    drop(clone);
    assert!(!folder.exists());
}
