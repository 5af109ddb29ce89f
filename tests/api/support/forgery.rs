//! Access tokens that the application did not issue.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::settings;
use super::client::Client;

/// The parts of a token. It is valid at first; each test changes one part.
pub struct Forgery {
    header: Value,
    pub claims: Value,
    algorithm: Algorithm,
    pub key: Vec<u8>,
}

impl Forgery {
    /// A valid token of this user.
    pub fn of(client: &Client) -> Self {
        let auth = settings().auth;
        let now = jsonwebtoken::get_current_timestamp();
        // The session exists.
        let real: Value = jsonwebtoken::dangerous::insecure_decode(client.token.as_ref().unwrap()).unwrap().claims;
        Self {
            header: json!({ "typ": "at+jwt", "alg": "HS256" }),
            claims: json!({
                "iss": auth.issuer, "aud": auth.audience, "sub": client.id(), "exp": now + 60, "nbf": now, "iat": now,
                "jti": Uuid::now_v7(), "sid": real["sid"], "scope": real["scope"],
            }),
            algorithm: Algorithm::HS256,
            key: auth.secret_key.expose_secret().as_bytes().to_owned(),
        }
    }

    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    /// Removes a claim, or a member of the header.
    pub fn without(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    pub fn key(mut self, key: &str) -> Self {
        self.key = key.into();
        self
    }

    pub fn sign(&self) -> String {
        let message = format!("{}.{}", encoded(&self.header), encoded(&self.claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(&self.key), self.algorithm);
        format!("{message}.{}", signature.unwrap())
    }
}

/// JSON as a token contains it: the part between the dots of a token with these claims.
fn encoded(part: &Value) -> String {
    let token = jsonwebtoken::encode(&Header::default(), part, &EncodingKey::from_secret(b"any")).unwrap();
    token.split('.').nth(1).unwrap().to_owned()
}
