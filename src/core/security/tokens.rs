//! Access tokens: JWT (RFC 7519) in the profile of RFC 9068. Signed with HS256 and the secret key or, when a
//! private key is set, with `EdDSA` (RFC 8037), so that other services can verify them with the public key.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{
    AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::jwk::{CommonParameters, EllipticCurve, OctetKeyPairType};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::secrets::{RefreshToken, fingerprint};
use crate::core::config::AuthSettings;

/// The header's `typ`, so that no other kind of JWT is accepted as an access token.
const TYPE: &str = "at+jwt";
/// How far clocks of different machines may differ, in seconds.
const LEEWAY: i64 = 10;

/// The token was not issued by this service, or is not valid now.
#[derive(Debug, thiserror::Error)]
#[error("invalid access token")]
pub struct InvalidToken;

/// The claims of an access token. All are required.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// The user's id.
    pub sub: Uuid,
    /// The session's id.
    pub sid: Uuid,
    /// The scopes, separated by spaces.
    pub scope: String,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// When it was issued.
    pub iat: i64,
    /// The token's own id.
    pub jti: Uuid,
}

/// The user, session and scopes of an access token.
pub struct TokenSubject {
    /// The user's id.
    pub user: Uuid,
    /// The session's id.
    pub session: Uuid,
    /// The scopes, separated by spaces.
    pub scope: String,
}

/// A new access token.
pub struct IssuedToken {
    /// The token.
    pub text: String,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// Issues and verifies tokens. Clones share the keys.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    settings: AuthSettings,
    header: Header,
    encoding: EncodingKey,
    verifying: Vec<VerifyingKey>,
    jwks: JwkSet,
}

/// A key that verifies tokens.
struct VerifyingKey {
    /// The only header that tokens of this key may have.
    header: Header,
    key: DecodingKey,
    /// What else their claims must be.
    validation: Validation,
}

/// The header of a token that is signed with a secret key.
fn secret_header() -> Header {
    Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) }
}

fn validation(algorithm: Algorithm, settings: &AuthSettings) -> Validation {
    let mut validation = Validation::new(algorithm);
    // The times are checked by `Tokens::verify`, against the application's clock.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    validation.set_issuer(&[&settings.issuer]);
    validation.set_audience(&[&settings.audience]);
    validation
}

impl VerifyingKey {
    fn secret(key: &SecretString, settings: &AuthSettings) -> Self {
        let header = secret_header();
        let validation = validation(header.alg, settings);
        Self { header, key: DecodingKey::from_secret(key.expose_secret().as_bytes()), validation }
    }

    /// Sets the key's id to its thumbprint (RFC 7638), and returns the key for verification.
    fn public(jwk: &mut Jwk, settings: &AuthSettings) -> Result<Self, jsonwebtoken::errors::Error> {
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let header = Header { typ: Some(TYPE.to_owned()), kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
        let validation = validation(header.alg, settings);
        Ok(Self { header, key: DecodingKey::from_jwk(jwk)?, validation })
    }
}

impl Tokens {
    /// Reads keys, issuer, audience and lifetimes from the settings.
    ///
    /// # Errors
    /// When a key is invalid. The message names the setting.
    pub fn new(settings: &AuthSettings) -> Result<Self, String> {
        let previous = settings.previous_secret_keys.iter();
        let mut verifying: Vec<_> = previous.map(|key| VerifyingKey::secret(key, settings)).collect();
        let mut jwks = JwkSet { keys: Vec::new() };
        let (header, encoding) = match &settings.private_key {
            None => {
                verifying.insert(0, VerifyingKey::secret(&settings.secret_key, settings));
                (secret_header(), EncodingKey::from_secret(settings.secret_key.expose_secret().as_bytes()))
            }
            Some(pem) => {
                let refused = |_| "auth.private_key: not an Ed25519 key in PEM".to_owned();
                let encoding = EncodingKey::from_ed_pem(pem.expose_secret().as_bytes()).map_err(refused)?;
                let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA).map_err(refused)?;
                let current = VerifyingKey::public(&mut jwk, settings).map_err(refused)?;
                let header = current.header.clone();
                jwks.keys.push(jwk);
                verifying.push(current);
                (header, encoding)
            }
        };
        for x in &settings.previous_public_keys {
            let refused = |_| "auth.previous_public_keys: not the `x` of an Ed25519 key".to_owned();
            let mut jwk = public_key(x);
            verifying.push(VerifyingKey::public(&mut jwk, settings).map_err(refused)?);
            jwks.keys.push(jwk);
        }
        Ok(Self(Arc::new(Inner { settings: settings.clone(), header, encoding, verifying, jwks })))
    }

    /// The `auth` settings.
    #[must_use]
    pub fn settings(&self) -> &AuthSettings {
        &self.0.settings
    }

    /// The public keys that verify the tokens (RFC 7517); empty when tokens are signed with a secret key.
    #[must_use]
    pub fn jwks(&self) -> &JwkSet {
        &self.0.jwks
    }

    /// A new token, valid from `now` on.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn issue(&self, subject: TokenSubject, now: DateTime<Utc>) -> Result<IssuedToken, jsonwebtoken::errors::Error> {
        let Inner { settings, header, encoding, .. } = &*self.0;
        let issued = now.timestamp();
        let seconds = settings.access_token_seconds;
        let claims = Claims {
            iss: settings.issuer.clone(),
            aud: settings.audience.clone(),
            sub: subject.user,
            sid: subject.session,
            scope: subject.scope,
            exp: issued + i64::from(seconds),
            nbf: issued,
            iat: issued,
            jti: Uuid::now_v7(),
        };
        let text = encode(header, &claims, encoding)?;
        Ok(IssuedToken { text, expires_in: seconds.into() })
    }

    /// The claims of a token that this service has issued and that is valid at `now`.
    ///
    /// # Errors
    /// For any other token. The error gives no reason.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, InvalidToken> {
        let header = decode_header(token).map_err(|_| InvalidToken)?;
        // Exactly the expected header: no `jwk`, `jku`, `x5u`, `crit`, and no choice of algorithm.
        let mut keys = self.0.verifying.iter().filter(|key| key.header == header);
        let claims = keys.find_map(|key| decode::<Claims>(token, &key.key, &key.validation).ok());
        let claims = claims.ok_or(InvalidToken)?.claims;
        let now = now.timestamp();
        let is_valid = claims.nbf <= now + LEEWAY && claims.exp > now - LEEWAY && claims.iat == claims.nbf;
        if is_valid { Ok(claims) } else { Err(InvalidToken) }
    }

    /// A hash that distinguishes texts without revealing them, keyed with the secret key.
    #[must_use]
    pub fn fingerprint(&self, parts: &[&[u8]]) -> String {
        fingerprint(&self.0.settings.secret_key, parts)
    }

    /// The refresh token that follows this one.
    #[must_use]
    pub fn refresh(&self, used: &RefreshToken) -> RefreshToken {
        used.next(&self.0.settings.secret_key)
    }
}

/// An Ed25519 public key by its `x`, as in a key set (RFC 8037).
fn public_key(x: &str) -> Jwk {
    Jwk {
        common: CommonParameters { key_algorithm: Some(KeyAlgorithm::EdDSA), ..CommonParameters::default() },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: x.to_owned(),
        }),
    }
}
