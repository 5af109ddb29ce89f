//! Changing and deleting items, and versions.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::item::{ItemPage, ItemRead};
use serde_json::json;

use super::create;
use crate::support::TestApp;

#[tokio::test]
async fn patch_changes_what_is_present_and_null_clears() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let item = create(&ann, json!({ "title": "a", "description": "d", "price": 2, "tax": 1, "tags": ["x"] })).await;
    let path = format!("/items/{}", item.id);
    let later = app.travel(TimeDelta::seconds(5));

    let same: ItemRead = ann.patch(&path, json!({})).await.ok();
    assert_eq!(ItemRead { updated_at: item.updated_at, ..same }, item);
    let cleared: ItemRead = ann.patch(&path, json!({ "description": null, "tax": null, "tags": [] })).await.ok();
    assert_eq!((cleared.description, cleared.tax, cleared.tags.len(), cleared.price), (None, None, 0, item.price));
    assert!(cleared.updated_at >= later && cleared.created_at == item.created_at);
    assert_eq!(
        ann.patch(&path, json!({ "title": null, "tags": null })).await.problems(),
        ["body.tags: list_type", "body.title: string_type"]
    );
}

#[tokio::test]
async fn put_replaces_the_whole_item() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let item =
        create(&ann, json!({ "title": "a", "description": "d", "price": 2, "tax": 1, "tags": ["x", "y"] })).await;
    let replaced: ItemRead =
        ann.put(&format!("/items/{}", item.id), json!({ "title": "b", "tags": ["y", "z"] })).await.ok();
    assert_eq!((replaced.title.as_str(), replaced.description, replaced.price, replaced.tax), ("b", None, None, None));
    assert_eq!((replaced.tags, replaced.id), (vec!["y".to_owned(), "z".to_owned()], item.id));
}

#[tokio::test]
async fn undocumented_members_are_ignored() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let forged = json!({ "title": "x", "id": bob.id(), "owner_id": bob.id(), "created_at": "2000-01-01T00:00:00Z", "version": 9 });
    let item = create(&ann, forged.clone()).await;
    assert_eq!((item.owner_id, item.id == bob.id()), (ann.id(), false));
    let path = format!("/items/{}", item.id);
    for changed in [ann.patch(&path, forged.clone()).await.ok::<ItemRead>(), ann.put(&path, forged).await.ok()] {
        assert_eq!((changed.id, changed.owner_id, changed.created_at), (item.id, item.owner_id, item.created_at));
    }
}

#[tokio::test]
async fn deleted_item_is_not_found() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let path = format!("/items/{}", create(&ann, json!({ "title": "x", "tags": ["t"] })).await.id);
    ann.delete(&path).await.is_no_content();
    ann.get(&path).await.is_not_found();
    ann.delete(&path).await.is_not_found();
}

#[tokio::test]
async fn if_none_match_with_the_current_etag_gets_304() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let created = ann.post("/items", json!({ "title": "x" })).await.expect(StatusCode::CREATED);
    let (path, etag) = (created.header("location").to_owned(), created.header("etag").to_owned());
    let get = async |known: &str| {
        ann.send(axum::http::Method::GET, &path, &[("if-none-match", known)], axum::body::Body::empty()).await
    };
    for known in [etag.as_str(), "*", &format!("\"0\", W/{etag}")] {
        let response = get(known).await.expect(StatusCode::NOT_MODIFIED);
        assert_eq!((response.body.len(), response.header("etag")), (0, etag.as_str()), "{known}");
    }
    assert_eq!(get("\"0\"").await.expect(StatusCode::OK).header("etag"), etag);
    ann.patch(&path, json!({ "title": "y" })).await.ok::<ItemRead>();
    assert_ne!(get(&etag).await.expect(StatusCode::OK).header("etag"), etag);
}

#[tokio::test]
async fn if_match_with_a_stale_etag_gets_412() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let created = ann.post("/items", json!({ "title": "x" })).await.expect(StatusCode::CREATED);
    let (path, etag) = (created.header("location").to_owned(), created.header("etag").to_owned());
    let send = async |method: axum::http::Method, expected: &str| {
        let headers = [("if-match", expected), ("content-type", "application/json")];
        ann.send(method, &path, &headers, json!({ "title": "y" }).to_string().into()).await
    };
    for stale in ["\"0\"", "W/\"1\"", "nonsense", "\"0\", \"7\""] {
        for method in ["PUT", "PATCH", "DELETE"] {
            send(method.parse().unwrap(), stale).await.error(StatusCode::PRECONDITION_FAILED);
        }
    }
    let etag = send("PATCH".parse().unwrap(), &etag).await.expect(StatusCode::OK).header("etag").to_owned();
    let etag =
        send("PUT".parse().unwrap(), &format!("\"0\", {etag}")).await.expect(StatusCode::OK).header("etag").to_owned();
    send("PUT".parse().unwrap(), "*").await.expect(StatusCode::OK);
    send("DELETE".parse().unwrap(), &etag).await.error(StatusCode::PRECONDITION_FAILED);
    send("DELETE".parse().unwrap(), "*").await.is_no_content();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_puts_with_one_if_match_succeed_once() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let created = ann.post("/items", json!({ "title": "x" })).await.expect(StatusCode::CREATED);
    let (path, etag) = (created.header("location").to_owned(), created.header("etag").to_owned());
    let puts = (0..50).map(|number| {
        let (ann, path, etag) = (ann.clone(), path.clone(), etag.clone());
        tokio::spawn(async move {
            let headers = [("if-match", etag.as_str()), ("content-type", "application/json")];
            let body = json!({ "title": format!("number {number}"), "tags": [format!("tag {number}")] });
            ann.send("PUT".parse().unwrap(), &path, &headers, body.to_string().into()).await.status
        })
    });
    let mut statuses = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        statuses.push(put.await.unwrap().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].as_slice(), &[412; 49]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn hundred_concurrent_creates_with_the_same_tags_all_succeed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let posts: Vec<_> = (0..100)
        .map(|number| {
            let ann = ann.clone();
            // The same new tags in every one of them.
            let body = json!({ "title": number.to_string(), "tags": ["a", "b", "c"] });
            tokio::spawn(async move { ann.post("/items", body).await.created::<ItemRead>() })
        })
        .collect();
    for post in posts {
        post.await.unwrap();
    }
    assert_eq!(ann.get("/items?limit=1").await.ok::<ItemPage>().count, Some(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_during_item_creation_leaves_no_items() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let mut created = 0;
    for round in 0..5 {
        let ann = app.user(&format!("ann-{round}")).await;
        let post = |number: usize| {
            let ann = ann.clone();
            let body = json!({ "title": number.to_string(), "tags": [format!("tag {number}")] });
            tokio::spawn(async move { ann.post("/items", body).await.status })
        };
        let mut posts: Vec<_> = (0..10).map(post).collect();
        let delete = tokio::spawn({
            let (root, path) = (root.clone(), format!("/users/{}", ann.id()));
            async move { root.delete(&path).await }
        });
        posts.extend((10..20).map(post));
        for post in posts {
            let status = post.await.unwrap();
            assert!([StatusCode::CREATED, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
            created += usize::from(status == StatusCode::CREATED);
        }
        delete.await.unwrap().is_no_content();
        assert_eq!(root.get("/items").await.ok::<ItemPage>().count, Some(0), "round {round}");
        ann.post("/items", json!({ "title": "too late" })).await.is_unauthorized();
    }
    assert!(created > 0, "no request came before the deletion");
}
