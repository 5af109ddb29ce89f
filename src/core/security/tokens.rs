//! Access tokens: JWT (RFC 7519) in the profile of RFC 9068. Signed with HS256 and the secret key or, when a
//! private key is set, with `EdDSA` (RFC 8037), so that other services can check them with the public half.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{
    AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::jwk::{CommonParameters, EllipticCurve, OctetKeyPairType};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::secrets::{RefreshToken, fingerprint};
use crate::core::config::AuthSettings;

/// The header's `typ`, so that no other kind of JWT passes for an access token.
const TYPE: &str = "at+jwt";
/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 10;

/// The token is not one of ours, or not valid now.
#[derive(Debug, thiserror::Error)]
#[error("invalid access token")]
pub struct InvalidToken;

/// What an access token says. Every claim is required.
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
    /// What the token may be used for.
    pub scope: String,
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

/// Issues and checks tokens. Clones share the keys.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    settings: AuthSettings,
    header: Header,
    encoding: EncodingKey,
    /// Each key with the one header that it may come with.
    decoding: Vec<(Header, DecodingKey)>,
    jwks: JwkSet,
}

impl Tokens {
    /// Reads keys, issuer, audience and life spans from the settings.
    ///
    /// # Errors
    /// For a key that is none; names the setting.
    pub fn new(settings: &AuthSettings) -> Result<Self, String> {
        let secret = settings.secret_key.expose_secret().as_bytes();
        let mut header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let with_secret = |key: &[u8]| (header.clone(), DecodingKey::from_secret(key));
        let mut decoding: Vec<_> =
            settings.previous_secret_keys.iter().map(|key| with_secret(key.expose_secret().as_bytes())).collect();
        let mut jwks = JwkSet { keys: Vec::new() };
        let encoding = match &settings.private_key {
            None => {
                decoding.insert(0, with_secret(secret));
                EncodingKey::from_secret(secret)
            }
            Some(pem) => {
                let refused = |_| "auth.private_key: not an Ed25519 key in PEM".to_owned();
                let key = EncodingKey::from_ed_pem(pem.expose_secret().as_bytes()).map_err(refused)?;
                jwks.keys.push(Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(refused)?);
                key
            }
        };
        jwks.keys.extend(settings.previous_public_keys.iter().map(|x| public_key(x)));
        for jwk in &mut jwks.keys {
            let refused = |_| "auth.previous_public_keys: not the `x` of an Ed25519 key".to_owned();
            let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(refused)?;
            jwk.common.key_id = Some(kid.clone());
            jwk.common.public_key_use = Some(PublicKeyUse::Signature);
            let header = Header { typ: Some(TYPE.to_owned()), kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
            decoding.push((header, DecodingKey::from_jwk(jwk).map_err(refused)?));
        }
        if settings.private_key.is_some()
            && let Some(current) = jwks.keys.first()
        {
            header.alg = Algorithm::EdDSA;
            header.kid.clone_from(&current.common.key_id);
        }
        Ok(Self(Arc::new(Inner { settings: settings.clone(), header, encoding, decoding, jwks })))
    }

    /// The life spans.
    #[must_use]
    pub fn settings(&self) -> &AuthSettings {
        &self.0.settings
    }

    /// The public keys with which others can check the tokens (RFC 7517); none when they are signed with a secret.
    #[must_use]
    pub fn jwks(&self) -> &JwkSet {
        &self.0.jwks
    }

    /// A token for the user's session, good from `now` on.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn issue(
        &self,
        user: Uuid,
        session: Uuid,
        scope: String,
        now: DateTime<Utc>,
    ) -> Result<IssuedToken, jsonwebtoken::errors::Error> {
        let Inner { settings, header, encoding, .. } = &*self.0;
        let issued = now.timestamp();
        let seconds = settings.access_token_seconds;
        let claims = Claims {
            iss: settings.issuer.clone(),
            aud: settings.audience.clone(),
            sub: user,
            sid: session,
            scope,
            exp: issued + i64::from(seconds),
            nbf: issued,
            iat: issued,
            jti: Uuid::now_v7(),
        };
        let text = encode(header, &claims, encoding)?;
        Ok(IssuedToken { text, expires_in: seconds.into() })
    }

    /// What the token says, when it is one of ours and good at this time.
    ///
    /// # Errors
    /// For everything else, without saying why.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, InvalidToken> {
        let Inner { settings, decoding, .. } = &*self.0;
        let header = decode_header(token).map_err(|_| InvalidToken)?;
        // The header of ours and nothing else: no `jwk`, `jku`, `x5u`, `crit`. It leaves no choice of algorithm.
        let mut keys = decoding.iter().filter(|(ours, _)| *ours == header);
        let mut validation = Validation::new(header.alg);
        // The times are checked below, against our clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        let claims = keys.find_map(|(_, key)| decode::<Claims>(token, key, &validation).ok());
        let claims = claims.ok_or(InvalidToken)?.claims;
        let now = now.timestamp();
        let is_good = claims.nbf <= now + LEEWAY && claims.exp > now - LEEWAY && claims.iat == claims.nbf;
        if is_good { Ok(claims) } else { Err(InvalidToken) }
    }

    /// Tells two texts apart without telling anything about them to who does not have the secret key.
    #[must_use]
    pub fn fingerprint(&self, parts: &[&[u8]]) -> String {
        fingerprint(&self.0.settings.secret_key, parts)
    }

    /// The refresh token that follows this one.
    #[must_use]
    pub fn refresh(&self, spent: &RefreshToken) -> RefreshToken {
        spent.next(&self.0.settings.secret_key)
    }
}

/// The public half of an Ed25519 key by its `x`, as a key set shows it (RFC 8037).
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
