//! The same routes as Keel's, written by hand on axum and sqlx: what the framework costs is the difference. It uses
//! Keel's tables, and its types of amounts, texts and pages, so that both give the same bytes, and nothing else of Keel:
//! no middleware, no ORM. The headers that Keel's middleware adds are sent with fixed values, because the client pays for
//! each of them, too.
//!
//! With `PLAIN=1` it does what most services do: it looks the session up for every request, and reads an item and its
//! tags with a statement each. Otherwise it keeps sessions, as Keel does, and reads both with one statement.
//!
//! `cargo run --release --example reference` with the same `DATABASE_URL`, `SECRET_KEY` and `PORT` as Keel.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::needless_pass_by_value,
    reason = "a program to compare with"
)]

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use keel::schemas::amount::{Amount, Price, Tax};
use keel::schemas::message::Greeting;
use keel::schemas::page::{Cursor, Page};
use keel::schemas::text::{LINE, LINES};
use sea_orm::sqlx::postgres::{PgPoolOptions, PgRow};
use sea_orm::sqlx::{PgPool, Row, query};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::util::MapResponseLayer;
use uuid::Uuid;
use validator::Validate;

/// How long a session that was looked up is used again, as Keel's `auth.session_cache_ms`.
const SESSION_TTL: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct App {
    pool: PgPool,
    key: Arc<DecodingKey>,
    encoding: Arc<EncodingKey>,
    validation: Arc<Validation>,
    sessions: Arc<Mutex<HashMap<Uuid, (Instant, Uuid)>>>,
    hashing: Arc<Semaphore>,
    is_plain: bool,
}

#[derive(Deserialize)]
struct Claims {
    sid: Uuid,
}

/// The id of the user whose token came with the request.
struct CurrentUser(Uuid);

impl FromRequestParts<App> for CurrentUser {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        let token =
            parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
        let claims = decode::<Claims>(token, &app.key, &app.validation).map_err(|_| StatusCode::UNAUTHORIZED)?.claims;
        let known = app.sessions.lock().unwrap().get(&claims.sid).copied();
        if let Some((_, user)) = known.filter(|(asked, _)| !app.is_plain && asked.elapsed() < SESSION_TTL) {
            return Ok(Self(user));
        }
        let asked = Instant::now();
        let found = query(
            "SELECT users.id FROM sessions JOIN users ON users.id = sessions.user_id \
             WHERE sessions.id = $1 AND sessions.expires_at > now() AND users.is_active",
        );
        let row = found.bind(claims.sid).fetch_optional(&app.pool).await.map_err(internal)?;
        let user: Uuid = row.ok_or(StatusCode::UNAUTHORIZED)?.get(0);
        app.sessions.lock().unwrap().insert(claims.sid, (asked, user));
        Ok(Self(user))
    }
}

fn internal(error: sea_orm::sqlx::Error) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Not Keel's `ItemCreate`, which `cargo xtask remove-resource item` deletes.
#[derive(Deserialize, Validate)]
struct NewItem {
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    title: String,
    #[validate(length(max = 255), regex(path = *LINES))]
    description: Option<String>,
    price: Option<Price>,
    tax: Option<Tax>,
    #[serde(default)]
    condition: Condition,
    available_from: Option<DateTime<Utc>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Condition {
    #[default]
    New,
    Used,
    Refurbished,
}

impl Condition {
    fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Used => "used",
            Self::Refurbished => "refurbished",
        }
    }
}

/// The same fields as Keel's `ItemRead`, in its order: the bytes have to be the same.
#[derive(Serialize)]
struct Item {
    id: Uuid,
    title: String,
    description: Option<String>,
    price: Option<Price>,
    tax: Option<Tax>,
    condition: String,
    available_from: Option<DateTime<Utc>>,
    tags: Vec<String>,
    owner_id: Uuid,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

fn item(row: &PgRow, tags: Vec<String>) -> Item {
    Item {
        id: row.get("id"),
        title: row.get("title"),
        description: row.get("description"),
        price: row.get::<Option<i64>, _>("price").map(Amount::from_minor_units),
        tax: row.get::<Option<i64>, _>("tax").map(Amount::from_minor_units),
        condition: row.get("condition"),
        available_from: row.get("available_from"),
        tags,
        owner_id: row.get("owner_id"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    }
}

const EXPOSED: &str = "etag,location,ratelimit-limit,ratelimit-remaining,ratelimit-reset,retry-after,\
    www-authenticate,x-request-id,x-process-time";

/// The headers that Keel's middleware adds.
fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-request-id", "0af7651916cd43dd8448eb211c80319c"),
        ("x-process-time", "0.000123"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("vary", "origin"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", EXPOSED),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

async fn greet() -> Json<Greeting> {
    Json(Greeting {
        message: "Hello World".to_owned(),
        docs: Some("/docs".to_owned()),
        redoc: Some("/redoc".to_owned()),
        openapi: Some("/openapi.json".to_owned()),
    })
}

/// The item and its tags.
async fn read(
    State(app): State<App>,
    CurrentUser(user): CurrentUser,
    Path(id): Path<Uuid>,
) -> Result<Response, StatusCode> {
    let (row, tags) = if app.is_plain {
        with_two_statements(&app, user, id).await?
    } else {
        with_one_statement(&app, user, id).await?
    };
    let etag = format!("\"{}\"", row.get::<i64, _>("version"));
    Ok(([(header::ETAG, etag)], Json(item(&row, tags))).into_response())
}

async fn with_one_statement(app: &App, user: Uuid, id: Uuid) -> Result<(PgRow, Vec<String>), StatusCode> {
    let found = query(
        "SELECT items.*, ARRAY(SELECT tags.name::text FROM item_tags JOIN tags ON tags.id = item_tags.tag_id \
         WHERE item_tags.item_id = items.id ORDER BY tags.name) AS tags FROM items WHERE id = $1 AND owner_id = $2",
    );
    let row = found.bind(id).bind(user).fetch_optional(&app.pool).await.map_err(internal)?;
    let row = row.ok_or(StatusCode::NOT_FOUND)?;
    let tags = row.get("tags");
    Ok((row, tags))
}

async fn with_two_statements(app: &App, user: Uuid, id: Uuid) -> Result<(PgRow, Vec<String>), StatusCode> {
    let found = query("SELECT * FROM items WHERE id = $1 AND owner_id = $2").bind(id).bind(user);
    let row = found.fetch_optional(&app.pool).await.map_err(internal)?.ok_or(StatusCode::NOT_FOUND)?;
    let tags = query(
        "SELECT tags.name::text FROM item_tags JOIN tags ON tags.id = item_tags.tag_id WHERE item_tags.item_id = $1 \
         ORDER BY tags.name",
    );
    let tags = tags.bind(id).fetch_all(&app.pool).await.map_err(internal)?;
    Ok((row, tags.iter().map(|tag| tag.get(0)).collect()))
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    skip: i64,
    #[serde(default = "default_limit")]
    limit: i64,
}

fn default_limit() -> i64 {
    100
}

/// The number of items, and a page of them with their tags: two statements.
async fn list(
    State(app): State<App>,
    CurrentUser(user): CurrentUser,
    RawQuery(query_string): RawQuery,
) -> Result<Response, StatusCode> {
    let paging = serde_html_form::from_str(query_string.as_deref().unwrap_or_default());
    let Paging { skip, limit } = paging.map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let count = query("SELECT count(*) FROM items WHERE owner_id = $1").bind(user);
    let count: i64 = count.fetch_one(&app.pool).await.map_err(internal)?.get(0);
    let page = query(
        "SELECT items.*, ARRAY(SELECT tags.name::text FROM item_tags JOIN tags ON tags.id = item_tags.tag_id \
         WHERE item_tags.item_id = items.id ORDER BY tags.name) AS tags FROM items WHERE owner_id = $1 \
         ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT $3",
    );
    let rows = page.bind(user).bind(skip).bind(limit).fetch_all(&app.pool).await.map_err(internal)?;
    let data: Vec<Item> = rows.iter().map(|row| item(row, row.get("tags"))).collect();
    let has_more = skip + i64::try_from(data.len()).unwrap_or(i64::MAX) < count;
    let last = data.last().filter(|_| has_more);
    let next_cursor = last.and_then(|last| Cursor::new("-created_at", &last.created_at, last.id).ok());
    Ok(Json(Page { data, count: Some(count.unsigned_abs()), next_cursor }).into_response())
}

/// Creates an item without tags: one statement.
async fn create(
    State(app): State<App>,
    CurrentUser(user): CurrentUser,
    Json(data): Json<NewItem>,
) -> Result<Response, StatusCode> {
    data.validate().map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let insert = query(
        "INSERT INTO items (id, owner_id, title, description, price, tax, condition, available_from, version, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9) RETURNING *",
    );
    let now: DateTime<Utc> = Utc::now();
    let insert = insert.bind(Uuid::now_v7()).bind(user).bind(&data.title).bind(&data.description);
    let insert = insert.bind(data.price.map(Amount::minor_units)).bind(data.tax.map(Amount::minor_units));
    let insert = insert.bind(data.condition.as_str()).bind(data.available_from).bind(now);
    let row = insert.fetch_one(&app.pool).await.map_err(internal)?;
    let created = item(&row, Vec::new());
    let headers = [(header::ETAG, "\"1\"".to_owned()), (header::LOCATION, format!("/api/v1/items/{}", created.id))];
    Ok((StatusCode::CREATED, headers, Json(created)).into_response())
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

/// Verifies the password and opens a session, as Keel's login does with its two statements and a commit.
async fn login(State(app): State<App>, form: String) -> Result<Response, StatusCode> {
    let form: Login = serde_html_form::from_str(&form).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let found = query("SELECT id, hashed_password FROM users WHERE lower(username) = $1");
    let row = found.bind(form.username.to_lowercase()).fetch_optional(&app.pool).await.map_err(internal)?;
    let row = row.ok_or(StatusCode::BAD_REQUEST)?;
    let (user, hash): (Uuid, String) = (row.get(0), row.get(1));
    let permit = app.hashing.clone().acquire_owned().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let is_right = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let hash = PasswordHash::new(&hash).ok()?;
        Argon2::default().verify_password(form.password.as_bytes(), &hash).ok()
    });
    is_right.await.ok().flatten().ok_or(StatusCode::BAD_REQUEST)?;
    let (session, now) = (Uuid::now_v7(), Utc::now());
    let secret = session.simple().to_string();
    let insert = query(
        "INSERT INTO sessions (id, user_id, scopes, family_hash, refresh_hash, created_at, last_used_at, expires_at) \
         VALUES ($1, $2, 'me', $3, $3, $4, $4, $5)",
    );
    let insert = insert.bind(session).bind(user).bind(&secret).bind(now).bind(now + TimeDelta::days(14));
    insert.execute(&app.pool).await.map_err(internal)?;
    let (issued, expires) = (now.timestamp(), now.timestamp() + 1800);
    let claims = json!({ "iss": "keel", "aud": "keel", "sub": user, "sid": session, "iat": issued, "exp": expires });
    let token = encode(&Header::default(), &claims, &app.encoding).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let body = json!({ "access_token": token, "token_type": "bearer", "expires_in": 1800, "refresh_token": secret });
    Ok(Json(body).into_response())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("set {name}"));
    let secret = variable("SECRET_KEY")?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["keel"]);
    validation.set_issuer(&["keel"]);
    let app = App {
        pool: PgPoolOptions::new()
            .max_connections(10)
            .test_before_acquire(false)
            .connect(&variable("DATABASE_URL")?)
            .await?,
        key: DecodingKey::from_secret(secret.as_bytes()).into(),
        encoding: EncodingKey::from_secret(secret.as_bytes()).into(),
        validation: validation.into(),
        sessions: Arc::default(),
        hashing: Arc::new(Semaphore::new(2)),
        is_plain: variable("PLAIN").is_ok(),
    };
    let router = Router::new()
        .route("/", get(greet))
        .route("/api/v1/login/access-token", post(login))
        .route("/api/v1/items", get(list).post(create))
        .route("/api/v1/items/{id}", get(read))
        .with_state(app)
        .layer(MapResponseLayer::new(add_headers));
    let listener = TcpListener::bind(format!("127.0.0.1:{}", variable("PORT")?)).await?;
    Ok(axum::serve(listener, router).await?)
}
