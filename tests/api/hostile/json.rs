//! Bodies that are not JSON, or JSON of the wrong type.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{NOTES, notes, post, raw};
use crate::support::socket::TIMEOUT;
use crate::support::{Response, TestApp};

#[track_caller]
fn is_malformed(response: Response, case: &str) {
    let body: Value = response.expect(StatusCode::UNPROCESSABLE_ENTITY).read();
    let [problem] = body["detail"].as_array().unwrap().as_slice() else { panic!("{case}: {body}") };
    assert_eq!(problem["type"], "json_invalid", "{case}");
    assert_eq!(problem["msg"], "JSON decode error", "{case}");
    let [place, offset] = problem["loc"].as_array().unwrap().as_slice() else { panic!("{case}: {body}") };
    assert!(place == "body" && offset.is_u64(), "{case}: {problem}");
    assert!(problem["ctx"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{case}: {problem}");
}

#[tokio::test]
async fn malformed_json_is_refused() {
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
        r#"{"title":"x","number":NaN}"#,
        r#"{"title":"x","number":Infinity}"#,
        r#"{"title":"x","number":01}"#,
        r#"{"title":"x","number":1.}"#,
        r#"{"title":"x","number":+1}"#,
        r#"{"title":"\x41"}"#,
        "{\"title\":\"a\nb\"}",
        "\u{feff}{\"title\":\"x\"}",
        "title=x",
        "<title>x</title>",
    ] {
        is_malformed(post(&notes(), body).await, body);
    }
}

#[tokio::test]
async fn invalid_utf_8_is_refused() {
    for title in [&b"\xff"[..], b"\xc3\x28", b"\xe2\x82", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        for member in ["title", "text", "unknown"] {
            let body = [format!("{{\"title\":\"x\",\"{member}\":\"").as_bytes(), title, b"\"}"].concat();
            is_malformed(post(&notes(), body.clone()).await, &format!("{member} {title:x?}"));
        }
    }
    let utf_16: Vec<u8> = r#"{"title":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    is_malformed(post(&notes(), utf_16).await, "UTF-16");
}

#[tokio::test]
async fn unpaired_surrogates_are_refused() {
    for text in [r"\ud800", r"\udc00", r"\ud83e", r"\ud83e\ud83e", r"\udee9\ud83e", r"a\ud800z", r"\uD83Ex"] {
        is_malformed(post(&notes(), format!(r#"{{"title":"{text}"}}"#)).await, text);
        is_malformed(post(&notes(), format!(r#"{{"title":"x","text":"{text}"}}"#)).await, text);
        is_malformed(post(&notes(), format!(r#"{{"title":"x","unknown":[{{"a":"{text}"}}]}}"#)).await, text);
        is_malformed(post(&notes(), format!(r#"{{"title":"x","{text}":1}}"#)).await, text);
    }
    let note: Value = post(&notes(), r#"{"title":"\ud83e\uded6"}"#).await.ok();
    assert_eq!(note["title"], "🫖");
}

#[tokio::test]
async fn duplicate_member_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for body in [
        r#"{"title":"a","title":"b"}"#,
        r#"{"title":"a","title":"a"}"#,
        r#"{"title":"a","t\u0069tle":"b"}"#,
        r#"{"title":"a","number":1,"number":null}"#,
        r#"{"title":"","title":"b"}"#,
        r#"{"title":"a","unknown":1,"unknown":1}"#,
        r#"{"title":"a","unknown":[{"b":1,"b":2}]}"#,
    ] {
        is_malformed(post(&notes(), body).await, body);
    }
    let name = r#"{"full_name":"a","full_name":"b"}"#;
    is_malformed(raw(&ann, Method::PATCH, "/users/me", "application/json", name).await, name);
    let address = r#"{"address":{"street":"a","street":"b","city":"c","country":"d"}}"#;
    is_malformed(raw(&ann, Method::PATCH, "/users/me", "application/json", address).await, address);
}

#[tokio::test]
async fn body_of_the_wrong_type_is_refused() {
    let client = notes();
    for body in ["null", "true", "7", "-0.5", "\"title\"", "[]", "[{}]", "[[]]", r#"["x"]"#, r#"["x",null,null,[]]"#] {
        for method in [Method::POST, Method::PUT, Method::PATCH] {
            let response = raw(&client, method.clone(), NOTES, "application/json", body).await;
            assert_eq!(response.problems(), ["body: model_attributes_type"], "{method} {body}");
        }
    }
}

#[tokio::test]
async fn nested_object_of_the_wrong_type_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for address in [json!(["a", "b", "c"]), json!([]), json!("a"), json!(7)] {
        let problems = ann.patch("/users/me", json!({ "address": address })).await.problems();
        assert_eq!(problems, ["body.address: model_attributes_type"], "{address}");
    }
}

#[tokio::test]
async fn deep_nesting_is_refused() {
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
            let response = timeout(TIMEOUT, post(&notes(), body)).await.expect("a response");
            response.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let response = timeout(TIMEOUT, post(&notes(), format!(r#"{{"title":"x","unknown":{nested}}}"#))).await;
        response.expect("a response").expect(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn numbers_have_bounds() {
    let (client, app) = (notes(), TestApp::start().await);
    let ann = app.user("ann").await;
    let long = "1".repeat(100_000);
    for number in ["1e400", "-1e999", "1E+308", "18446744073709551616", "-9223372036854775809", &long, "0e999999999999"]
    {
        let note = timeout(TIMEOUT, post(&client, format!(r#"{{"title":"x","number":{number}}}"#)));
        let body = format!(r#"{{"age":{number}}}"#);
        let user = timeout(TIMEOUT, raw(&ann, Method::PATCH, "/users/me", "application/json", body));
        for response in [note.await.expect("a response"), user.await.expect("a response")] {
            // The last one is a zero.
            let is_accepted = number == "0e999999999999" && response.status == StatusCode::OK;
            assert!(
                is_accepted || response.status == StatusCode::UNPROCESSABLE_ENTITY,
                "{number}: {}",
                response.status
            );
        }
    }
}

#[tokio::test]
async fn very_long_list_gets_a_short_response() {
    let body = json!({ "title": "x", "tags": vec![1; 100_000] });
    let response = notes().json(Method::POST, NOTES, body).await;
    assert!(response.body.len() < 4096, "{} bytes", response.body.len());
    assert!(response.problems().contains(&"body.tags: too_long".to_owned()));
}
