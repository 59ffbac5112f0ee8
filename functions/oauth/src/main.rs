//! The Lambda function for token introspection, revocation, forward authentication, and leak reports.

use latchkey::store::environment::Environment;
use latchkey_http::{serve, start};
use oauth::{App, Settings, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let environment = Environment::of_process();
    let latchkey = start("oauth", &environment).await?;
    let app = App::new(latchkey, Settings::from_environment(&environment)?);
    if !app.settings.organizations.is_restricted() {
        app.latchkey.warn_if_several_organizations();
    }
    serve::run(&app.latchkey, |request| handle(&app, request)).await
}
