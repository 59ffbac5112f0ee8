//! The Lambda function of the LakeSail dialect.

use lakesail::{App, handle};
use latchkey::store::environment::Environment;
use latchkey_http::{serve, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let app = App { latchkey: start("lakesail", &Environment::of_process()).await? };
    serve::run(&app.latchkey, |request| handle(&app, request)).await
}
