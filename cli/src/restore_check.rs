//! `latchkey restore-check`: compares a restored table with the current one, and restricts it accordingly.

use latchkey::audit::AuditPolicy;
use latchkey::operator;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::service::operator::OperatorError;
use latchkey::service::operator::restore::{self, Comparison, Difference, Lost};
use latchkey::store::KeyStore;
use latchkey::store::environment::Environment;

use crate::args::{Format, RestoreCheck, Target};
use crate::confirm::confirm;
use crate::connect::{Place, connect};
use crate::explain::explain;
use crate::identity::author;
use crate::output::{Progress, RestoreReport, print};
use crate::table_settings::TableSettings;

/// Compares the tables, prints the result, and with `--apply` restricts the restored table.
///
/// # Errors
///
/// If the restored table still accepts what the current one rejects, or what went wrong.
pub(crate) async fn restore_check(
    asked: RestoreCheck,
    target: Target,
    mut policy: KeyPolicy,
    audit: AuditPolicy,
    format: Format,
) -> Result<(), String> {
    let (restored_name, current_name) = (&asked.restored, &asked.current);
    if restored_name == current_name {
        return Err("`--restored` and `--current` name the same table".to_owned());
    }
    let connection = connect(Target { table: Some(restored_name.clone()), ..target }).await?;
    let (client, endpoint) = (&connection.client, &connection.place.endpoint);
    let is_aws = connection.place.is_aws;
    let current_place = Place { table: current_name.clone(), endpoint: endpoint.clone(), is_aws };
    let settings = TableSettings::read(client, &connection.place).await?;
    let current_settings = TableSettings::read(client, &current_place).await?;
    if current_settings.is_restored_from(&settings) {
        return Err(format!(
            "the table `{current_name}` was restored from `{restored_name}`; swap `--restored` and `--current`"
        ));
    }

    // Either table may be the one that failed.
    let table = format!("{restored_name}` or `{current_name}");
    let both = Place { table, endpoint: endpoint.clone(), is_aws };
    let failed = |error: OperatorError| explain(&error, &both);
    let mut restored = connection.store.clone().with_audit(audit);
    if audit.enabled && asked.apply {
        let environment = Environment::of_process();
        restored = restored.by(author(&connection.aws, &connection.place, &environment).await);
    }
    let (restored, current) = (&restored, KeyStore::new(client.clone(), current_name));
    let clock = Clock::system();
    let scope = asked.scope(settings.backup_time);
    let found = restore::compare(restored, &current, &scope, clock.now()).await.map_err(failed)?;
    let mut progress = Progress { applied: asked.apply, copied: Vec::new() };
    let copies =
        if asked.copy_new { found.lost.iter().filter(|lost| is_key(lost)).count() } else { 0 };
    if asked.apply && found.differences.len() + copies > 0 {
        // Each change reads the clock itself.
        confirm(asked.consent, &question(&found, copies, restored_name), &clock)?;
        policy.warnings = operator::warning_rules(restored).await.map_err(failed)?;
        for difference in &found.differences {
            let applied = restore::apply(restored, &policy, clock.now(), difference).await;
            applied.map_err(failed)?;
        }
        for lost in found.lost.iter().filter(|_| asked.copy_new) {
            let Lost::Key(key) = lost else { continue };
            if restore::copy_key(restored, &policy, clock.now(), key).await.map_err(failed)? {
                progress.copied.push(key.id.clone());
            }
        }
    }
    let settings = settings.differences_from(&current_settings);
    let report =
        RestoreReport::new((restored_name, current_name), &scope, &found, progress, settings);
    print(&report, format)?;
    match found.differences.len() {
        left if left > 0 && !asked.apply => Err(format!(
            "the table `{restored_name}` allows more than `{current_name}` in {left} {}; run this again with \
             `--apply`",
            if left == 1 { "case" } else { "cases" }
        )),
        _ => Ok(()),
    }
}

fn is_key(lost: &Lost) -> bool {
    matches!(lost, Lost::Key(_))
}

/// Asks about everything that would be changed.
fn question(found: &Comparison, copies: usize, table: &str) -> String {
    let count = |matches: fn(&Difference) -> bool| {
        found.differences.iter().filter(|difference| matches(difference)).count()
    };
    let deleted = count(|found| {
        matches!(found, Difference::DeletedOrganization(_) | Difference::DeletedAccount(..))
    });
    let disabled = count(|found| {
        matches!(found, Difference::DisabledOrganization(_) | Difference::DisabledAccount(..))
    });
    let revoked = count(|found| matches!(found, Difference::EndedKey(..)));
    let limited = count(|found| matches!(found, Difference::LimitedKey(..)));
    format!(
        "In table {table}: delete {deleted} and disable {disabled} organizations and service accounts, revoke \
         {revoked} keys, limit {limited} keys, and copy {copies} keys?"
    )
}
