//! Commands about root keys.

use latchkey::id::ServiceAccountId;
use latchkey::service::operator;

use crate::args::RootKeyCommand;
use crate::confirm::confirm;
use crate::output::{KeysReport, MintedReport, RevokedReport, print};

use super::revoke::{self, Leaked};
use super::{Context, Failure};

pub(super) async fn run(command: RootKeyCommand, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, policy, clock, format, .. } = context;
    let root = ServiceAccountId::root();
    match command {
        RootKeyCommand::Create(new) => {
            let now = clock.now();
            let end = new.expiry.end(now);
            let minted = operator::create_root_key(store, policy, now, end).await?;
            Ok(print(&MintedReport::new(&minted, now), *format)?)
        }
        RootKeyCommand::List => {
            let keys = operator::keys(store, &root).await?;
            Ok(print(&KeysReport::new(&keys, &[], clock.now()), *format)?)
        }
        RootKeyCommand::Revoke(one) => {
            let key = one.key.id_within(&root)?;
            if one.descendants.with_descendants {
                let leaked = Leaked { account: root, key, organization: None };
                return revoke::tree(&leaked, one.descendants, one.consent, context).await;
            }
            let now = confirm(one.consent, &format!("Revoke root key {key}?"), clock)?;
            let revoked = operator::revoke_key(store, policy, now, &root, &key).await?;
            Ok(print(&RevokedReport::new(&revoked, now), *format)?)
        }
    }
}
