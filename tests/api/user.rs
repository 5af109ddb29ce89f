//! The caller's own account.

mod deletion;
mod email;

use axum::http::StatusCode;
use keel::schemas::message::Message;
use keel::schemas::user::UserRead;
use keel::services::account::reauthentication::SessionUser;
use keel::services::account::user;
use serde_json::{Value, json};

use crate::permissions::{Permissions, Placeholder, row};
use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

const EMAIL_TAKEN: &str = "The user with this email already exists in the system";
const USERNAME_TAKEN: &str = "The user with this username already exists in the system";

async fn sign_up(client: &Client, body: Value) -> UserRead {
    client.post("/users/signup", body).await.created()
}

#[tokio::test]
async fn email_and_username_are_unique_ignoring_case() {
    let app = TestApp::start().await;
    let (ann, bob, root) = (app.user("ann").await, app.user("bob").await, app.superuser("root").await);
    let email = |email: &str| json!({ "email": email, "password": PASSWORD, "username": "other" });
    let username = |name: &str| json!({ "email": "other@example.com", "password": PASSWORD, "username": name });

    for (client, path) in [(app.anonymous(), "/users/signup"), (root.clone(), "/users")] {
        for taken in ["ann@example.com", "ANN@EXAMPLE.COM", "Ann@example.Com"] {
            assert_eq!(client.post(path, email(taken)).await.error(StatusCode::CONFLICT), EMAIL_TAKEN);
        }
        for taken in ["ann", "ANN", "aNn"] {
            assert_eq!(client.post(path, username(taken)).await.error(StatusCode::CONFLICT), USERNAME_TAKEN);
        }
        // Without a username, the conflict is about the email.
        let body = json!({ "email": "ANN@example.com", "password": PASSWORD });
        assert_eq!(client.post(path, body).await.error(StatusCode::CONFLICT), EMAIL_TAKEN);
    }
    for (client, path) in [(&bob, "/users/me".to_owned()), (&root, format!("/users/{}", bob.id()))] {
        let response = client.patch(&path, json!({ "email": "ANN@example.com" })).await;
        assert_eq!(response.error(StatusCode::CONFLICT), EMAIL_TAKEN);
        let response = client.patch(&path, json!({ "username": "ANN" })).await;
        assert_eq!(response.error(StatusCode::CONFLICT), USERNAME_TAKEN);
    }
    // The caller's own email and username in another case are not taken.
    let me: UserRead = ann.patch("/users/me", json!({ "email": "ANN@example.com", "username": "Ann" })).await.ok();
    assert_eq!((me.email.as_str(), me.username.as_str()), ("ANN@example.com", "Ann"));
}

#[tokio::test]
async fn object_in_body_cannot_be_a_list() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    // serde would accept the values in the order of the struct's fields.
    let body = json!(["bob@example.com", PASSWORD, "bob", null, null, null]);
    assert_eq!(app.anonymous().post("/users/signup", body).await.problems(), ["body: model_attributes_type"]);
    let body = json!({ "address": ["1 Main Street", "Springfield", "Utopia"] });
    assert_eq!(ann.patch("/users/me", body).await.problems(), ["body.address: model_attributes_type"]);
    assert_eq!(ann.patch("/users/me", json!([])).await.problems(), ["body: model_attributes_type"]);
}

#[tokio::test]
async fn patch_changes_present_fields_and_null_clears() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let address = json!({ "street": "1 Main Street", "city": "Springfield", "country": "Utopia" });
    let filled: UserRead =
        ann.patch("/users/me", json!({ "full_name": "Ann", "age": 0, "address": address })).await.ok();
    assert_eq!((filled.full_name.as_deref(), filled.age), (Some("Ann"), Some(0)));
    assert_eq!(ann.patch("/users/me", json!({})).await.ok::<UserRead>(), filled);

    let older: UserRead = ann.patch("/users/me", json!({ "age": 150 })).await.ok();
    assert_eq!(older, UserRead { age: Some(150), ..filled });
    let moved = json!({ "street": "2 High Street", "city": "Shelbyville", "country": "Utopia" });
    let moved: UserRead = ann.patch("/users/me", json!({ "address": moved })).await.ok();
    assert_eq!(moved.address.unwrap().street, "2 High Street");
    // The address is replaced as a whole, so it must be complete.
    let half = ann.patch("/users/me", json!({ "address": { "city": "Ogdenville" } })).await;
    assert_eq!(half.problems(), ["body.address.country: missing", "body.address.street: missing"]);

    let cleared: UserRead =
        ann.patch("/users/me", json!({ "full_name": null, "age": null, "address": null })).await.ok();
    assert_eq!((cleared.full_name, cleared.age, cleared.address), (None, None, None));
    let needed = ann.patch("/users/me", json!({ "email": null, "username": null })).await;
    assert_eq!(needed.problems(), ["body.email: string_type", "body.username: string_type"]);
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>(), ann.user.unwrap());
}

#[tokio::test]
async fn password_change_replaces_the_old_password() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let change = async |current: &str, new: &str| {
        ann.patch("/users/me/password", json!({ "current_password": current, "new_password": new })).await
    };
    assert_eq!(
        change("wrong horse battery", "new horse battery").await.error(StatusCode::BAD_REQUEST),
        "Incorrect password"
    );
    assert_eq!(
        change(PASSWORD, PASSWORD).await.error(StatusCode::BAD_REQUEST),
        "New password cannot be the same as the current one"
    );
    // The response to a wrong password does not depend on the new one.
    assert_eq!(change("same but wrong", "same but wrong").await.error(StatusCode::BAD_REQUEST), "Incorrect password");
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::OK);

    let new = "Nëues Paßwort 🫖";
    let message: Message = change(PASSWORD, new).await.ok();
    assert_eq!(message.message, "Password updated successfully");
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.log_in("ann", new).await.status, StatusCode::OK);
}

/// Without the fields that a superuser may set.
fn without_flags(mut body: Value) -> Value {
    body.as_object_mut().unwrap().retain(|name, _| !name.starts_with("is_"));
    body
}

#[tokio::test]
async fn undocumented_fields_cannot_be_set() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let forged = |members: Value| {
        let mut body = json!({
            "id": root.id(), "owner_id": root.id(), "is_superuser": true, "is_active": false, "hashed_password": "x",
            "created_at": "2000-01-01T00:00:00Z",
        });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let bob = forged(json!({ "email": "bob@example.com", "password": PASSWORD }));
    let eve = without_flags(forged(json!({ "email": "eve@example.com", "password": PASSWORD })));
    let created = [sign_up(&app.anonymous(), bob).await, root.post("/users", eve).await.created()];
    for user in created {
        assert!(
            user.is_active && !user.is_superuser && user.id != root.id() && user.created_at.timestamp() > 1_000_000_000
        );
        assert_eq!(app.log_in(&user.username, PASSWORD).await.status, StatusCode::OK);
    }

    // Fields that only a superuser may change are ignored.
    let me: UserRead = ann.patch("/users/me", forged(json!({ "password": "another horse battery" }))).await.ok();
    assert_eq!(Some(&me), ann.user.as_ref());
    let passwords = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    ann.patch("/users/me/password", forged(passwords)).await.ok::<Message>();
    assert_eq!(Some(ann.get("/users/me").await.ok::<UserRead>()), ann.user);

    let body = without_flags(forged(json!({})));
    let changed: UserRead = root.patch(&format!("/users/{}", ann.id()), body).await.ok();
    assert_eq!(Some(changed), ann.user);
    assert_eq!(app.log_in("ann", "another horse battery").await.status, StatusCode::OK);
}

#[tokio::test]
async fn password_change_fails_after_concurrent_password_change() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let accounts = &app.state.accounts;
    let stale = user::find_by_login(&app.state.db, "ann").await.unwrap().unwrap();
    let reset = json!({ "password": "set by a superuser" });
    app.superuser("root").await.patch(&format!("/users/{}", ann.id()), reset).await.expect(StatusCode::OK);

    let change = json!({ "current_password": PASSWORD, "new_password": "set by the old one" });
    let change = serde_json::from_value(change).unwrap();
    let client = keel::core::client::Client::default();
    let caller = SessionUser { user: &stale, session: uuid::Uuid::nil(), client: &client };
    user::update_password(accounts, caller, change).await.unwrap_err();
    app.anonymous()
        .form("/token", &[("username", "ann"), ("password", "set by a superuser")])
        .await
        .expect(StatusCode::OK);
}

const NEW_USER: &str = r#"{ "email": "new@OWNER.example.com", "password": "correct horse battery" }"#;
const NEW_PASSWORD: &str = r#"{ "current_password": "correct horse battery", "new_password": "kettle with a lid" }"#;

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("users-signup", NEW_USER, [201, 201, 201, 201]),
        row("users-read_users", "", [401, 403, 403, 200]),
        row("users-create_user", NEW_USER, [401, 403, 403, 201]),
        row("users-read_me", "", [401, 200, 200, 200]),
        row("users-update_me", r#"{ "age": 30 }"#, [401, 200, 200, 200]),
        row("users-delete_me", "", [401, 204, 204, 204]),
        row("users-update_password_me", NEW_PASSWORD, [401, 200, 200, 200]),
        row("users-read_user", "", [401, 200, 404, 200]),
        row("users-update_user", r#"{ "age": 30 }"#, [401, 403, 403, 200]),
        row("users-delete_user", "", [401, 403, 403, 204]),
    ],
    placeholders: &[
        Placeholder::read("{user_id}", "/users/me", "/id"),
        Placeholder::read("{email}", "/users/me", "/email"),
        Placeholder::read("OWNER", "/users/me", "/username"),
    ],
};
