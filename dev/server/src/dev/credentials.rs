//! The first organization of the local table, its service account, and their tokens.

use std::path::Path;

use aws_sdk_dynamodb::Client;
use latchkey::account::ServiceAccount;
use latchkey::id::OrganizationId;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::principal::Principal;
use latchkey::service::operator::{self, MintSpec, OperatorError};
use latchkey::service::{Clock, Freshness};
use latchkey::store::KeyStore;
use latchkey::text::{Description, Name};
use latchkey::token::Token;
use latchkey::{Error, Latchkey};

use super::env_file::EnvFile;
use super::say;

const ORGANIZATION: &str = "dev";
const ORGANIZATION_NAME: &str = "Local development";
const ACCOUNT_NAME: &str = "Local development";

/// What you need to call the API. The tokens exist only here: the table contains only their digests.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) organization: String,
    pub(crate) account: String,
    token: String,
    root_token: String,
}

impl Credentials {
    /// Returns the credentials in `file` if they are valid; otherwise creates and saves new ones.
    pub(crate) async fn load_or_make(
        client: Client,
        table: &str,
        policy: KeyPolicy,
        file: Option<&Path>,
    ) -> Result<Self, String> {
        let maker = Maker { store: KeyStore::new(client, table), policy, clock: Clock::system() };
        let saved = match file {
            Some(path) => EnvFile::read(path)?.as_ref().and_then(Self::from_env_file),
            None => None,
        };
        if let Some(saved) = saved
            && maker.accepts(&saved).await?
        {
            return Ok(saved);
        }
        let made = maker.make().await?;
        if let Some(path) = file {
            let mut saved = EnvFile::default();
            made.add_to(&mut saved);
            saved.write(path)?;
        }
        Ok(made)
    }

    /// Adds the credentials to a file, under the names in `dev.env`.
    pub(crate) fn add_to(&self, file: &mut EnvFile) {
        file.set("LATCHKEY_ORGANIZATION", &self.organization);
        file.set("LATCHKEY_ACCOUNT", &self.account);
        file.set("LATCHKEY_TOKEN", &self.token);
        file.set("LATCHKEY_ROOT_TOKEN", &self.root_token);
    }

    fn from_env_file(file: &EnvFile) -> Option<Self> {
        let read = |name| file.get(name).map(str::to_owned);
        Some(Self {
            organization: read("LATCHKEY_ORGANIZATION")?,
            account: read("LATCHKEY_ACCOUNT")?,
            token: read("LATCHKEY_TOKEN")?,
            root_token: read("LATCHKEY_ROOT_TOKEN")?,
        })
    }
}

struct Maker {
    store: KeyStore,
    policy: KeyPolicy,
    clock: Clock,
}

impl Maker {
    /// Whether the credentials work and belong to the recorded organization and account.
    async fn accepts(&self, saved: &Credentials) -> Result<bool, String> {
        let account = match self.authenticate(&saved.token).await? {
            Some(Principal::ServiceAccount(principal)) => principal,
            Some(Principal::Root { .. }) | None => return Ok(false),
        };
        let root = self.authenticate(&saved.root_token).await?;
        Ok(account.organization.as_ref() == saved.organization
            && account.account.as_ref() == saved.account
            && account.scopes.is_full_access()
            && matches!(root, Some(Principal::Root { .. })))
    }

    async fn authenticate(&self, token: &str) -> Result<Option<Principal>, String> {
        let (store, cache) = (self.store.clone(), CachePolicy::off());
        let latchkey = Latchkey::new(store, self.policy.clone(), &cache, self.clock.clone());
        match latchkey.verify(token, Freshness::Now).await {
            Ok(principal) => Ok(Some(principal)),
            Err(Error::Unauthenticated(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn make(&self) -> Result<Credentials, String> {
        let organization: OrganizationId = parsed(ORGANIZATION);
        let (account, token) = match self.bootstrap(organization.clone()).await {
            Err(OperatorError::OrganizationExists(_)) => {
                say("The first keys are missing or no longer valid; creating a new service account.");
                self.add_account(organization.clone()).await
            }
            made => made,
        }
        .map_err(|error| error.to_string())?;
        let now = self.clock.now();
        let root = operator::create_root_key(&self.store, &self.policy, now, None).await;
        let root = root.map_err(|error| error.to_string())?;
        Ok(Credentials {
            organization: organization.to_string(),
            account: account.id.to_string(),
            token: token.expose().to_owned(),
            root_token: root.token.expose().to_owned(),
        })
    }

    async fn bootstrap(
        &self,
        organization: OrganizationId,
    ) -> Result<(ServiceAccount, Token), OperatorError> {
        let (store, policy, now) = (&self.store, &self.policy, self.clock.now());
        let (name, account_name) = (parsed(ORGANIZATION_NAME), parsed(ACCOUNT_NAME));
        let made =
            operator::bootstrap(store, policy, now, organization, name, account_name).await?;
        Ok((made.account, made.minted.token))
    }

    /// Creates an account, not another key for the old one, which may be full.
    async fn add_account(
        &self,
        organization: OrganizationId,
    ) -> Result<(ServiceAccount, Token), OperatorError> {
        let now = self.clock.now();
        let name: Name = parsed(ACCOUNT_NAME);
        let made = operator::create_account(
            &self.store,
            &self.policy,
            now,
            organization,
            name,
            Description::empty(),
        );
        let account = made.await?;
        let spec = MintSpec::default();
        let minted = operator::mint_key(&self.store, &self.policy, now, &account.id, spec).await?;
        Ok((account, minted.token))
    }
}

/// # Panics
///
/// If `text`, which is our own, is invalid.
fn parsed<T: std::str::FromStr>(text: &'static str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is one of our own texts"))
}
