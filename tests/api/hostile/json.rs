//! Bodies that are no JSON, or JSON of another kind than they should be.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{post, raw};
use crate::support::socket::TIMEOUT;
use crate::support::{Answer, TestApp};

#[track_caller]
fn is_malformed(answer: Answer, said: &str) {
    let body: Value = answer.expect(StatusCode::UNPROCESSABLE_ENTITY).read();
    let [problem] = body["detail"].as_array().unwrap().as_slice() else { panic!("{said}: {body}") };
    assert_eq!(problem["type"], "json_invalid", "{said}");
    assert_eq!(problem["msg"], "JSON decode error", "{said}");
    let [place, offset] = problem["loc"].as_array().unwrap().as_slice() else { panic!("{said}: {body}") };
    assert!(place == "body" && offset.is_u64(), "{said}: {problem}");
    assert!(problem["ctx"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{said}: {problem}");
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for body in [
        "",
        " ",
        "{",
        r#"{"title""#,
        r#"{"title":"#,
        r#"{"title":"x"#,
        r#"{"title":"x""#,
        r#"{"title":"x"}}"#,
        r#"{"title":"x"} {"title":"y"}"#,
        r#"{"title":"x",}"#,
        r#"{"title":"x" // a comment
            }"#,
        r#"{title:"x"}"#,
        "{'title':'x'}",
        r#"{"title":x}"#,
        r#"{"title":"x","price":NaN}"#,
        r#"{"title":"x","price":Infinity}"#,
        r#"{"title":"x","price":01}"#,
        r#"{"title":"x","price":1.}"#,
        r#"{"title":"x","price":+1}"#,
        r#"{"title":"\x41"}"#,
        "{\"title\":\"a\nb\"}",
        "\u{feff}{\"title\":\"x\"}",
        "title=x",
        "<title>x</title>",
    ] {
        is_malformed(post(&ann, body).await, body);
    }
}

#[tokio::test]
async fn invalid_utf_8_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for title in [&b"\xff"[..], b"\xc3\x28", b"\xe2\x82", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        for member in ["title", "description", "nobody knows"] {
            let body = [format!("{{\"title\":\"x\",\"{member}\":\"").as_bytes(), title, b"\"}"].concat();
            is_malformed(post(&ann, body.clone()).await, &format!("{member} {title:x?}"));
        }
    }
    let utf_16: Vec<u8> = r#"{"title":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    is_malformed(post(&ann, utf_16).await, "UTF-16");
}

#[tokio::test]
async fn lone_surrogate_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for text in [r"\ud800", r"\udc00", r"\ud83e", r"\ud83e\ud83e", r"\udee9\ud83e", r"a\ud800z", r"\uD83Ex"] {
        is_malformed(post(&ann, format!(r#"{{"title":"{text}"}}"#)).await, text);
        is_malformed(post(&ann, format!(r#"{{"title":"x","description":"{text}"}}"#)).await, text);
        is_malformed(post(&ann, format!(r#"{{"title":"x","unknown":[{{"a":"{text}"}}]}}"#)).await, text);
        is_malformed(post(&ann, format!(r#"{{"title":"x","{text}":1}}"#)).await, text);
    }
    let item: Value = post(&ann, r#"{"title":"\ud83e\uded6"}"#).await.created();
    assert_eq!(item["title"], "🫖");
}

#[tokio::test]
async fn duplicate_member_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for body in [
        r#"{"title":"a","title":"b"}"#,
        r#"{"title":"a","title":"a"}"#,
        r#"{"title":"a","t\u0069tle":"b"}"#,
        r#"{"title":"a","price":1,"price":null}"#,
        r#"{"title":"","title":"b"}"#,
        r#"{"title":"a","unknown":1,"unknown":1}"#,
        r#"{"title":"a","unknown":[{"b":1,"b":2}]}"#,
    ] {
        is_malformed(post(&ann, body).await, body);
    }
    let name = r#"{"full_name":"a","full_name":"b"}"#;
    is_malformed(raw(&ann, Method::PATCH, "/users/me", "application/json", name).await, name);
    let address = r#"{"address":{"street":"a","street":"b","city":"c","country":"d"}}"#;
    is_malformed(raw(&ann, Method::PATCH, "/users/me", "application/json", address).await, address);
}

#[tokio::test]
async fn body_of_another_json_type_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let id = post(&ann, r#"{"title":"x"}"#).await.created::<Value>()["id"].as_str().unwrap().to_owned();
    for body in
        ["null", "true", "7", "-0.5", "\"title\"", "[]", "[{}]", "[[]]", r#"["x"]"#, r#"["x",null,null,null,[]]"#]
    {
        for (method, path) in [
            (Method::POST, "/items".to_owned()),
            (Method::PUT, format!("/items/{id}")),
            (Method::PATCH, format!("/items/{id}")),
        ] {
            let answer = raw(&ann, method.clone(), &path, "application/json", body).await;
            assert_eq!(answer.problems(), ["body: model_attributes_type"], "{method} {body}");
        }
    }
}

#[tokio::test]
async fn nested_object_cannot_be_a_list() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for address in [json!(["a", "b", "c"]), json!([]), json!("a"), json!(7)] {
        let problems = ann.patch("/users/me", json!({ "address": address })).await.problems();
        assert_eq!(problems, ["body.address: model_attributes_type"], "{address}");
    }
}

#[tokio::test]
async fn json_of_a_hundred_thousand_levels_does_no_harm() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let deep = 100_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        let unclosed = open.repeat(deep);
        for body in [
            nested.clone(),
            unclosed.clone(),
            format!(r#"{{"title":{nested}}}"#),
            format!(r#"{{"title":"x","tags":{nested}}}"#),
            format!(r#"{{"title":"","unknown":{nested}}}"#),
            format!(r#"{{"title":"x","unknown":{unclosed}"#),
        ] {
            let answer = timeout(TIMEOUT, post(&ann, body)).await.expect("an answer");
            answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let answer = timeout(TIMEOUT, post(&ann, format!(r#"{{"title":"x","unknown":{nested}}}"#))).await;
        answer.expect("an answer").expect(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn number_out_of_bounds_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = "1".repeat(100_000);
    for number in ["1e400", "-1e999", "1E+308", "18446744073709551616", "-9223372036854775809", &long, "0e999999999999"]
    {
        let answer = timeout(TIMEOUT, post(&ann, format!(r#"{{"title":"x","price":{number}}}"#))).await;
        answer.expect("an answer").expect(StatusCode::UNPROCESSABLE_ENTITY);
        let body = format!(r#"{{"age":{number}}}"#);
        let answer = raw(&ann, Method::PATCH, "/users/me", "application/json", body).await;
        if number == "0e999999999999" {
            assert!(answer.status.is_success() || answer.status == StatusCode::UNPROCESSABLE_ENTITY);
        } else {
            answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

#[tokio::test]
async fn overlong_list_gets_a_short_response() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "title": "x", "tags": vec![1; 100_000] });
    let answer = ann.post("/items", body).await;
    assert!(answer.body.len() < 4096, "{} bytes", answer.body.len());
    assert!(answer.problems().contains(&"body.tags: too_long".to_owned()));
}
