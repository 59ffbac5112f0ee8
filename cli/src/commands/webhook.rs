//! Commands about webhooks.

use latchkey::service::operator;

use crate::args::{DeleteWebhook, WebhookCommand};
use crate::confirm::confirm;
use crate::output::{DeletedWebhookReport, WebhooksReport, print};

use super::{Context, Failure};

pub(super) async fn run(command: WebhookCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        WebhookCommand::List(list) => {
            let webhooks = operator::webhooks(context.store, &list.organization).await?;
            Ok(print(&WebhooksReport::new(&webhooks), context.format)?)
        }
        WebhookCommand::Delete(one) => delete(&one, context).await,
    }
}

async fn delete(one: &DeleteWebhook, context: &Context<'_>) -> Result<(), Failure> {
    let Context { store, clock, format, .. } = context;
    let (organization, id) = (&one.organization, &one.webhook);
    let now = if one.consent.yes {
        clock.now()
    } else {
        let url = operator::webhook(store, organization, id).await?.url;
        let question =
            format!("Delete webhook {id} of organization {organization}, which calls {url}?");
        confirm(one.consent, &question, clock)?
    };
    operator::delete_webhook(store, now, organization, id).await?;
    Ok(print(&DeletedWebhookReport::new(id, organization), *format)?)
}
