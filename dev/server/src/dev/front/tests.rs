use std::net::Ipv4Addr;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use latchkey_testkit::project;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::dev::env_file::EnvFile;
use crate::dev::stack;
use crate::dev::state::State as Folder;

/// A site over the workspace's own routes and documents.
async fn site() -> Site {
    let root = project::root();
    let metadata = workspace::metadata(&root).await.expect("metadata");
    Site {
        url: "http://127.0.0.1:9000".to_owned(),
        database: "http://127.0.0.1:8000, table latchkey".to_owned(),
        data: "memory".to_owned(),
        organization: "dev".to_owned(),
        account: "0197CTTDF1YT9FUW".to_owned(),
        env_file: ".latchkey/dev.env".to_owned(),
        calls: mint_call::all(&metadata).expect("calls"),
        routes: workspace::routes(&metadata),
        documents: root.join("openapi"),
    }
}

/// A running front over a server of the test on `inner`.
struct Front(u16);

impl Front {
    async fn start(site: Site, inner: u16) -> Self {
        let listener = listener().await;
        let port = listener.local_addr().expect("an address").port();
        serve(listener, site, inner).await.expect("a front");
        Self(port)
    }

    async fn over(inner: u16) -> Self {
        Self::start(site().await, inner).await
    }

    /// A front whose inner server would refuse every connection.
    async fn alone() -> Self {
        Self::over(0).await
    }

    async fn send(&self, request: Request) -> Answer {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.0)).await.expect("a connection");
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.expect("a response").into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.expect("a body");
        Answer { status: head.status, headers: head.headers, body: body.to_vec() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port")
}

/// A server that answers each request with `answer`, and reports what it received.
async fn inner(answer: fn() -> Response) -> (u16, mpsc::UnboundedReceiver<(Request<()>, Vec<u8>)>) {
    let (sender, received) = mpsc::unbounded_channel();
    let listener = listener().await;
    let port = listener.local_addr().expect("an address").port();
    let router = Router::new().fallback(async move |request: Request| {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        sender.send((Request::from_parts(head, ()), body.to_vec())).expect("a test");
        answer()
    });
    tokio::spawn(axum::serve(listener, router).into_future());
    (port, received)
}

fn created() -> Response {
    let mut response = Response::new(Body::from(vec![0, 159, 146, 150]));
    *response.status_mut() = StatusCode::CREATED;
    for value in ["a=1", "b=2"] {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(value));
    }
    let named = HeaderValue::from_static("x-hop");
    response.headers_mut().insert(header::CONNECTION, named.clone());
    response.headers_mut().insert("x-hop", named);
    response
}

#[tokio::test]
async fn a_request_reaches_its_function_unchanged() {
    let (port, mut received) = inner(created).await;
    let request = Request::builder()
        .method("PROPFIND")
        .uri("/verify/a%2Fb//c;d=%E2%82%AC?x=1&x=%20&&y")
        .header("Host", "api.example.com")
        .header("X-Repeated", "one")
        .header("X-Repeated", "two, three")
        .header("Connection", "keep-alive, X-Hop")
        .header("X-Hop", "1")
        .body(Body::from(vec![0, 255, 10]))
        .expect("a request");
    Front::over(port).await.send(request).await;
    let (request, body) = received.recv().await.expect("a request");
    assert_eq!(request.method(), &Method::from_bytes(b"PROPFIND").expect("a method"));
    assert_eq!(request.uri(), "/verify/a%2Fb//c;d=%E2%82%AC?x=1&x=%20&&y");
    assert_eq!(body, [0, 255, 10]);
    let mut headers: Vec<_> = request.headers().iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    let headers: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    assert_eq!(
        headers,
        [
            "content-length: \"3\"",
            "host: \"api.example.com\"",
            "x-repeated: \"one\"",
            "x-repeated: \"two, three\"",
        ]
    );
}

#[tokio::test]
async fn a_response_reaches_its_client_unchanged() {
    let (port, _received) = inner(created).await;
    let answer = Front::over(port).await.get("/v1/keys").await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.body, [0, 159, 146, 150]);
    let cookies: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    let mut names: Vec<_> = answer.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "set-cookie"]);
}

#[tokio::test]
async fn what_cargo_lambda_serves_itself_is_passed_on() {
    let (port, mut received) = inner(created).await;
    let front = Front::over(port).await;
    for path in [
        "/2015-03-31/functions/lakesail/invocations",
        "/lambda-url/chaser",
        "/lambda-url/chaser/v1/keys",
        "/.rt/oauth/2018-06-01/runtime/invocation/next",
    ] {
        front.get(path).await;
        assert_eq!(received.recv().await.expect("a request").0.uri(), path);
    }
}

#[tokio::test]
async fn a_body_is_passed_on_while_it_arrives() {
    let listener = listener().await;
    let front = Front::over(listener.local_addr().expect("an address").port()).await;
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, front.0)).await.expect("a client");
    let head =
        "POST /v1/keys HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    client.write_all(head.as_bytes()).await.expect("sent");
    let (mut server, _) = listener.accept().await.expect("a connection");
    read_until(&mut server, "half\r\n").await;
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nback\r\n";
    server.write_all(response.as_bytes()).await.expect("sent");
    read_until(&mut client, "back\r\n").await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request() {
    let listener = listener().await;
    let front = Front::over(listener.local_addr().expect("an address").port()).await;
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, front.0)).await.expect("a client");
    client.write_all(b"GET /v1/keys HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let (mut server, _) = listener.accept().await.expect("a connection");
    read_until(&mut server, "\r\n\r\n").await;
    drop(client);
    assert_eq!(server.read(&mut [0]).await.expect("an end"), 0);
}

async fn read_until(stream: &mut TcpStream, end: &str) {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(stream.read_u8().await.expect("more to read"));
    }
}

#[tokio::test]
async fn a_request_that_no_server_takes_is_502() {
    let answer = Front::alone().await.get("/v1/keys").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.text().starts_with("cargo-lambda did not respond: "), "{}", answer.text());
}

#[tokio::test]
async fn the_start_page_lists_every_route_document_and_command() {
    let front = Front::alone().await;
    let (site, page) = (site().await, front.get("/").await);
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, page::HTML));
    for route in &site.routes {
        // The router writes the last parameter of `/verify/{*path}` with an asterisk.
        let path = escaped(&route.path.replace("{*", "{"));
        assert!(page.text().contains(&format!("<code>{path}</code>")), "{path}");
    }
    for name in document::names(&site.documents) {
        assert!(page.text().contains(&format!("href=\"/docs/{name}\"")), "{name}");
        assert!(page.text().contains(&format!("href=\"/openapi/{name}.yaml\"")), "{name}");
    }
    for call in &site.calls {
        assert!(page.text().contains(&escaped(&call.path("$LATCHKEY_ACCOUNT"))), "{call:?}");
    }
    for shown in [&site.url, &site.organization, &site.account, &site.env_file] {
        assert!(page.text().contains(shown), "{shown}");
    }
    assert!(!page.text().contains("<b>ANY</b>"), "an operation without a document");
}

#[tokio::test]
async fn a_route_without_a_document_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site { documents: folder.path().to_owned(), ..site().await };
    let routes = site.routes.clone();
    let page = Front::start(site, 0).await.get("/").await;
    for route in routes {
        let shown = format!("<code>{}</code></dt>\n<dd><b>ANY</b>", route.path);
        assert!(page.text().contains(&shown), "{shown}");
    }
    assert!(!page.text().contains("/docs/"), "a link to no document");
}

#[tokio::test]
async fn no_page_contains_a_key() {
    let (root, folder) = (project::root(), tempfile::tempdir().expect("a folder"));
    let state = Folder::open(folder.path()).expect("a state");
    let stack = Stack::start(state, 9000, stack::policy().expect("a policy"), true).await;
    let stack = stack.expect("a stack");
    let mut settings = EnvFile::default();
    stack.credentials().add_to(&mut settings);
    let keys: Vec<&str> =
        settings.iter().map(|(_, value)| value).filter(|value| value.starts_with("sk_")).collect();
    assert_eq!(keys.len(), 2, "a key of the account and a root key");
    let metadata = workspace::metadata(&root).await.expect("metadata");
    let front = Front::start(Site::of(&stack, &metadata, &root).expect("a site"), 0).await;
    for path in ["/", "/docs/lakesail", "/docs/chaser", "/openapi/chaser.yaml", "/nothing"] {
        let page = front.get(path).await;
        assert!(!page.body.is_empty());
        for key in &keys {
            assert!(!page.text().contains(key), "{path} contains a key");
        }
    }
}

#[tokio::test]
async fn the_documents_are_the_files_of_the_repository() {
    let front = Front::alone().await;
    for file in project::files("openapi", "yaml") {
        let answer = front.get(&format!("/{file}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.text(), project::text(&file));
    }
}

#[tokio::test]
async fn every_file_that_a_page_loads_is_served_with_its_type() {
    let front = Front::alone().await;
    let mut pages = vec!["/".to_owned(), "/docs/nothing".to_owned()];
    pages.extend(
        document::names(&site().await.documents).iter().map(|name| format!("/docs/{name}")),
    );
    let mut loaded = std::collections::BTreeSet::new();
    for page in pages {
        let request = Request::get(&page).header("Accept", "text/html").body(Body::empty());
        let page = front.send(request.expect("a request")).await;
        assert_eq!(page.header("content-type"), page::HTML);
        let values = page.text().split('"').filter(|value| value.starts_with("/assets/"));
        loaded.extend(values.map(str::to_owned));
    }
    assert_eq!(loaded.len(), 6, "{loaded:?}");
    for path in loaded {
        let answer = front.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let expected = if path.ends_with(".css") { "text/css" } else { "text/javascript" };
        let kind = answer.header("content-type").split(';').next();
        assert_eq!(kind, Some(expected), "{path}");
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn a_page_loads_nothing_from_elsewhere_and_is_framed_nowhere() {
    let front = Front::alone().await;
    for path in ["/", "/docs/lakesail", "/openapi/lakesail.yaml", "/assets/page.js", "/nothing"] {
        let answer = front.get(path).await;
        for (name, value) in PAGE_HEADERS {
            assert_eq!(answer.header(&name), value, "{path}");
        }
    }
    assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none';"));
    assert!(CONTENT_SECURITY_POLICY.contains("script-src 'self';"));
    assert!(CONTENT_SECURITY_POLICY.ends_with("frame-ancestors 'none'"));
}

#[tokio::test]
async fn an_unknown_path_is_explained_to_programs_and_people() {
    let front = Front::alone().await;
    let answer = front.get("/v1/key").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), "application/json");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    // API Gateway's answer is this member alone.
    assert_eq!(body["message"], "Not Found");
    assert_eq!(body["detail"], "nothing serves GET /v1/key here; check the path and the method");
    assert_eq!(body["nearest"][0], "/v1/keys");
    assert_eq!(body["see"], "http://127.0.0.1:9000/");

    let request = Request::get("/v1/key/%3Cscript%3E'\"{{nearest}}")
        .header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .body(Body::empty());
    let answer = front.send(request.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), page::HTML);
    let shown = "<code>GET /v1/key/%3Cscript%3E&#39;&quot;{{nearest}}</code>";
    assert!(answer.text().contains(shown), "{}", answer.text());
    assert!(answer.text().contains("<code>/v1/keys/{key_id}</code>"), "{}", answer.text());
}

#[tokio::test]
async fn a_page_takes_no_method_that_api_gateway_does_not_route() {
    let front = Front::alone().await;
    for path in ["/", "/docs/lakesail", "/openapi/lakesail.yaml", "/assets/page.css"] {
        let request = Request::post(path).body(Body::from("a=1")).expect("a request");
        assert_eq!(front.send(request).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/docs/nothing", "/openapi/nothing.yaml", "/openapi/lakesail", "/assets/nothing"] {
        assert_eq!(front.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
