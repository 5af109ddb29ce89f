//! Settings that follow from others: the public address and the issuer.

use super::production::production;
use super::{Variables, load, refusal};

fn public_url_and_issuer(variables: Variables) -> (Option<String>, String) {
    let settings = load(variables).unwrap();
    (settings.server.public_url, settings.auth.issuer)
}

fn both(url: &str) -> (Option<String>, String) {
    (Some(url.to_owned()), url.to_owned())
}

#[test]
fn development_is_its_own_issuer_on_localhost() {
    assert_eq!(public_url_and_issuer(&[]), both("http://localhost:8000"));
    assert_eq!(public_url_and_issuer(&[("PORT", "9000")]), both("http://localhost:9000"));
}

#[test]
fn issuer_is_the_public_url_unless_it_is_set() {
    let url = ("APP__SERVER__PUBLIC_URL", "https://api.example.com");
    assert_eq!(public_url_and_issuer(&[url]), both("https://api.example.com"));
    let (public_url, issuer) = public_url_and_issuer(&[url, ("APP__AUTH__ISSUER", "other")]);
    assert_eq!((public_url.as_deref(), issuer.as_str()), (Some("https://api.example.com"), "other"));
}

#[test]
fn production_does_not_guess_its_public_url() {
    let settings = production(&[]).unwrap();
    assert_eq!((settings.server.public_url, settings.auth.issuer.as_str()), (None, "keel"));
}

#[test]
fn public_url_is_an_address_without_slash_query_or_fragment() {
    for url in ["https://api.example.com/", "https://api.example.com?x", "https://x#y", "api.example.com", "ftp://x"] {
        assert!(refusal(&[("APP__SERVER__PUBLIC_URL", url)]).contains("server.public_url"), "{url}");
    }
    load(&[("APP__SERVER__PUBLIC_URL", "https://example.com/api")]).unwrap();
    // A section that is no table is reported, too.
    assert!(load(&[("APP__SERVER", "x")]).is_err());
}
