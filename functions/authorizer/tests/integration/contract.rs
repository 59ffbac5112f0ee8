//! What the template declares for this function: its role.

use crate::cases;
use authorizer::{App, Settings, handle};
use latchkey::store::environment::Environment;
use latchkey_testkit::permissions::check_role;

#[tokio::test]
async fn the_function_may_do_what_it_does() {
    let settings = Settings::from_environment(&Environment::new(|_| None)).expect("the defaults");
    check_role("authorizer", cases::all(), async |latchkey, event| {
        let app = App { latchkey: latchkey.clone(), settings: settings.clone() };
        let event = serde_json::from_value(event).expect("an event");
        // An event that names no API gets no verdict and causes no reads.
        let _ = handle(&app, event).await;
    })
    .await;
}
