//! Bodies that arrive late: who sends one is asked for once it is there.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use futures_util::FutureExt;
use hyper::body::Frame;
use keel::schemas::item::ItemPage;
use keel::schemas::user::UserRead;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::socket::{PATIENCE, TestServer};
use crate::support::{Answer, Client, TestApp};

/// A body that says when it is waited for, and then waits until it is let go.
struct Withheld {
    text: Option<Bytes>,
    waited_for: Option<oneshot::Sender<()>>,
    let_go: oneshot::Receiver<()>,
}

impl hyper::body::Body for Withheld {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(waited_for) = self.waited_for.take() {
            let _ = waited_for.send(());
        }
        if self.text.is_some() {
            let _ = ready!(self.let_go.poll_unpin(cx));
        }
        Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text))))
    }
}

/// What the request is answered when this happens after its head was sent, and before its body.
async fn answered(client: &Client, method: Method, path: &str, body: &str, event: impl Future) -> Answer {
    let (waited_for, is_waited_for) = oneshot::channel();
    let (let_go, held) = oneshot::channel();
    let body = Withheld { text: Some(body.to_owned().into()), waited_for: Some(waited_for), let_go: held };
    let request = async {
        let headers = [("content-type", "application/json")];
        client.send(method, path, &headers, Body::new(body)).await
    };
    let meanwhile = async {
        let _ = is_waited_for.await;
        event.await;
        let _ = let_go.send(());
    };
    timeout(PATIENCE, async { tokio::join!(request, meanwhile).0 }).await.expect("an answer")
}

#[tokio::test]
async fn a_body_that_comes_after_the_logout_is_not_acted_upon() {
    let app = TestApp::start().await;
    let sessions = "/users/me/sessions";
    for (method, path, body) in [
        (Method::POST, "/items", r#"{ "title": "late" }"#),
        (Method::PATCH, "/users/me", r#"{ "age": 7 }"#),
        (Method::POST, "/users/me/api-keys", r#"{ "name": "late", "scope": "items" }"#),
        (Method::GET, sessions, " "),
        (Method::DELETE, &format!("{sessions}/{}", uuid::Uuid::nil()), " "),
        (Method::POST, "/logout/all", " "),
    ] {
        let name = format!("u{}", uuid::Uuid::new_v4().simple());
        let ann = app.user(&name).await;
        let log_out = async { ann.send(Method::POST, "/logout", &[], Body::empty()).await.is_no_content() };
        answered(&ann, method, path, body, log_out).await.is_unauthorized();
        let again = app.log_in(&name, crate::support::app::PASSWORD).await.ok::<keel::schemas::login::Token>();
        let again = app.bearer(&again.access_token);
        assert_eq!(again.get("/items").await.ok::<ItemPage>().count, 0);
        assert_eq!(again.get("/users/me").await.ok::<UserRead>().age, None);
    }
}

#[tokio::test]
async fn nor_one_that_comes_after_the_role_was_taken_away() {
    let app = TestApp::start().await;
    let (root, eve) = (app.superuser("root").await, app.superuser("eve").await);
    let body = json!({ "email": "new@example.com", "password": "correct horse battery" }).to_string();
    let demote = async {
        root.patch(&format!("/users/{}", eve.id()), json!({ "is_superuser": false })).await.ok::<UserRead>();
    };
    answered(&eve, Method::POST, "/users", &body, demote).await.error(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_same_over_a_socket() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let server =
        TestServer::start(app.app.clone(), app.state.settings.server.clone(), app.state.readiness.clone()).await;
    let mut socket = server.connect().await;
    let token = ann.token.as_deref().unwrap();
    // The server says when it waits for the body.
    let head = format!(
        "POST /api/v1/items HTTP/1.1\r\nHost: testserver\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: 16\r\n\r\n"
    );
    socket.send(head).await;
    assert_eq!(socket.answer().await.status, 100);
    ann.send(Method::POST, "/logout", &[], Body::empty()).await.is_no_content();
    socket.send(r#"{"title":"late"}"#).await;
    assert_eq!(socket.answer().await.status, 401);
}
