//! Access tokens: JWT (RFC 7519) in the profile of RFC 9068, signed with HS256.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::core::config::AuthSettings;
use crate::error::{Error, Result};

/// The header's `typ`, so that no other kind of JWT passes for an access token.
const TYPE: &str = "at+jwt";
/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 10;

/// What an access token says. Every claim is required.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// The user's id.
    pub sub: Uuid,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it begins.
    pub nbf: i64,
    /// When it was issued.
    pub iat: i64,
    /// The token's own id.
    pub jti: Uuid,
}

/// A token and for how many seconds it is good.
pub struct IssuedToken {
    /// The token.
    pub text: String,
    /// For how many seconds it is good.
    pub expires_in: u64,
}

/// Issues and checks access tokens. Clones share the keys.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    issuer: String,
    audience: String,
    seconds: u32,
}

impl Tokens {
    /// Reads key, issuer, audience and life span from the settings.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        let key = settings.secret_key.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        Self(Arc::new(Inner {
            header,
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            validation,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            seconds: settings.access_token_seconds,
        }))
    }

    /// A token for the user, good from `now` on.
    ///
    /// # Errors
    /// Only on a mistake of ours.
    pub fn issue(&self, user: Uuid, now: DateTime<Utc>) -> Result<IssuedToken> {
        let Inner { header, encoding, issuer, audience, seconds, .. } = &*self.0;
        let issued = now.timestamp();
        let claims = Claims {
            iss: issuer.clone(),
            aud: audience.clone(),
            sub: user,
            exp: issued + i64::from(*seconds),
            nbf: issued,
            iat: issued,
            jti: Uuid::now_v7(),
        };
        let text = encode(header, &claims, encoding).map_err(Error::internal)?;
        Ok(IssuedToken { text, expires_in: (*seconds).into() })
    }

    /// What the token says, when it is one of ours and good at this time.
    ///
    /// # Errors
    /// 401 for everything else, without saying why.
    pub fn verify(&self, token: &str) -> Result<Claims> {
        let Inner { header, decoding, validation, .. } = &*self.0;
        let data = decode::<Claims>(token, decoding, validation).map_err(|_| Error::Unauthorized)?;
        // The header of ours and nothing else: no `kid`, `jwk`, `jku`, `x5u`, `crit`; issued when it begins.
        let ours = data.header == *header && data.claims.iat == data.claims.nbf;
        if ours { Ok(data.claims) } else { Err(Error::Unauthorized) }
    }
}
