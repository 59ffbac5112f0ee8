//! The Lambda function for token introspection, revocation and forward authentication.

use latchkey::gateway;
use oauth::{App, Settings, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let latchkey = latchkey::start("oauth", 1).await?;
    let app = App { latchkey, settings: Settings::from_env()? };
    if !app.settings.organizations.is_restricted() {
        app.latchkey.warn_if_several_organizations();
    }
    gateway::run(&app.latchkey, |request| handle(&app, request)).await
}
