//! The Lambda function of the LakeSail dialect.

use lakesail::{App, handle};
use latchkey::gateway;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App { latchkey: latchkey::start("lakesail", 1).await? };
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
