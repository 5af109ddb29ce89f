//! Users, as they see themselves: reading, changing, leaving; a new email address is in `email`.

mod email;

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::item::{ItemPage, ItemRead};
use keel::schemas::message::Message;
use keel::schemas::user::UserRead;
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
async fn email_and_username_are_unique_whatever_their_case() {
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
        // Without a username, it is the email that is told to be taken.
        let body = json!({ "email": "ANN@example.com", "password": PASSWORD });
        assert_eq!(client.post(path, body).await.error(StatusCode::CONFLICT), EMAIL_TAKEN);
    }
    for (client, path) in [(&bob, "/users/me".to_owned()), (&root, format!("/users/{}", bob.id()))] {
        let answer = client.patch(&path, json!({ "email": "ANN@example.com" })).await;
        assert_eq!(answer.error(StatusCode::CONFLICT), EMAIL_TAKEN);
        let answer = client.patch(&path, json!({ "username": "ANN" })).await;
        assert_eq!(answer.error(StatusCode::CONFLICT), USERNAME_TAKEN);
    }
    // One's own, in another case, is not taken.
    let me: UserRead = ann.patch("/users/me", json!({ "email": "ANN@example.com", "username": "Ann" })).await.ok();
    assert_eq!((me.email.as_str(), me.username.as_str()), ("ANN@example.com", "Ann"));
}

#[tokio::test]
async fn an_object_is_not_written_as_a_list() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    // What serde would take: the members' values in the order in which the code declares them.
    let body = json!(["bob@example.com", PASSWORD, "bob", null, null, null]);
    assert_eq!(app.anonymous().post("/users/signup", body).await.problems(), ["body: model_attributes_type"]);
    let body = json!({ "address": ["1 Main Street", "Springfield", "Utopia"] });
    assert_eq!(ann.patch("/users/me", body).await.problems(), ["body.address: model_attributes_type"]);
    assert_eq!(ann.patch("/users/me", json!([])).await.problems(), ["body: model_attributes_type"]);
}

#[tokio::test]
async fn a_patch_changes_only_what_is_present_and_null_clears() {
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
    // The address is replaced as a whole: there is no half of one.
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
async fn a_new_password_takes_the_place_of_the_old_one() {
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
    // Somebody who does not know the password is not told that the new one is the same.
    assert_eq!(change("same but wrong", "same but wrong").await.error(StatusCode::BAD_REQUEST), "Incorrect password");
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::OK);

    let new = "Nëues Paßwort 🫖";
    let message: Message = change(PASSWORD, new).await.ok();
    assert_eq!(message.message, "Password updated successfully");
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.log_in("ann", new).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_leaves_takes_everything_along() {
    let app = TestApp::start().await;
    let (ann, bob, root) = (app.user("ann").await, app.user("bob").await, app.superuser("root").await);
    for owner in [&ann, &ann, &bob] {
        owner.post("/items", json!({ "title": "kettle", "tags": ["tea"] })).await.created::<ItemRead>();
    }
    ann.delete("/users/me").await.is_no_content();
    ann.get("/users/me").await.is_unauthorized();
    root.get(&format!("/users/{}", ann.id())).await.is_not_found();
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    let left: ItemPage = root.get("/items").await.ok();
    assert_eq!((left.count, left.data[0].owner_id), (Some(1), bob.id()));

    // Email and name are free again.
    app.travel(TimeDelta::seconds(1));
    let again = sign_up(&app.anonymous(), json!({ "email": "ann@example.com", "password": PASSWORD })).await;
    assert_eq!((again.username.as_str(), again.id == ann.id()), ("ann", false));
}

#[tokio::test]
async fn nothing_but_what_is_documented_can_be_set() {
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
    let bodies =
        ["bob", "eve"].map(|name| forged(json!({ "email": format!("{name}@example.com"), "password": PASSWORD })));
    let [bob, eve] = bodies;
    let created = [sign_up(&app.anonymous(), bob).await, root.post("/users", eve).await.created()];
    for user in created {
        assert!(
            user.is_active && !user.is_superuser && user.id != root.id() && user.created_at.timestamp() > 1_000_000_000
        );
        assert_eq!(app.log_in(&user.username, PASSWORD).await.status, StatusCode::OK);
    }

    // What a superuser may say of others, nobody can say of himself.
    let me: UserRead = ann.patch("/users/me", forged(json!({ "password": "another horse battery" }))).await.ok();
    assert_eq!(Some(&me), ann.user.as_ref());
    let passwords = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    ann.patch("/users/me/password", forged(passwords)).await.ok::<Message>();
    assert_eq!(Some(ann.get("/users/me").await.ok::<UserRead>()), ann.user);

    let mut body = forged(json!({}));
    body.as_object_mut().unwrap().retain(|name, _| !name.starts_with("is_"));
    let changed: UserRead = root.patch(&format!("/users/{}", ann.id()), body).await.ok();
    assert_eq!(Some(changed), ann.user);
    assert_eq!(app.log_in("ann", "another horse battery").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_password_that_was_changed_in_the_meantime_stays() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let accounts = &app.state.accounts;
    let stale = user::find_by_login(&app.state.db, "ann").await.unwrap().unwrap();
    let reset = json!({ "password": "set by a superuser" });
    app.superuser("root").await.patch(&format!("/users/{}", ann.id()), reset).await.expect(StatusCode::OK);

    let change = json!({ "current_password": PASSWORD, "new_password": "set by the old one" });
    let change = serde_json::from_value(change).unwrap();
    let session = uuid::Uuid::nil();
    user::update_password(accounts, &keel::core::client::Client::default(), &stale, session, change).await.unwrap_err();
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
