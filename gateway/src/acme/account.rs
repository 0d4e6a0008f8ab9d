//! The account at the server: made once, and kept.

use super::cache::Cache;
use super::client::Http;
use super::error::AcmeError;
use super::order::from_library;
use crate::config::acme::Acme as Settings;
use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What is kept of it.
#[derive(Deserialize, Serialize)]
struct Kept {
    /// What the server was told.
    contact: Vec<String>,
    credentials: AccountCredentials,
}

/// The account that was made before, or a new one.
pub(super) async fn account(
    settings: &Settings,
    cache: &Cache,
    http: &Http,
) -> Result<Account, AcmeError> {
    let failed = |error| from_library("the account", error, http);
    let contact: Vec<_> = settings.contact.iter().map(String::as_str).collect();
    let builder = Account::builder_with_http(Box::new(http.clone()));
    if let Some(kept) = read(cache).await? {
        let account = builder.from_credentials(kept.credentials).await;
        let account = account.map_err(failed)?;
        if kept.contact != settings.contact {
            account.update_contacts(&contact).await.map_err(failed)?;
            // The library hands the credentials over once: they are read anew.
            if let Some(kept) = read(cache).await? {
                write(settings, cache, kept.credentials).await?;
            }
        }
        return Ok(account);
    }
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: settings.terms_agreed,
        only_return_existing: false,
    };
    let made = builder.create(&new, settings.directory.clone(), None).await;
    let (account, credentials) = made.map_err(failed)?;
    write(settings, cache, credentials).await?;
    tracing::info!(
        account = account.id(),
        directory = settings.directory,
        "an account was made at the ACME server"
    );
    Ok(account)
}

/// The server does not know it any more: the next one is new.
pub(super) async fn forget(cache: &Cache) -> Result<(), AcmeError> {
    let path = cache.account();
    let aside = path.with_extension("unknown.json");
    on_disk(move || std::fs::rename(path, aside)).await
}

/// `None`: there is none that can be used. One that can't be read is put aside, not overwritten.
async fn read(cache: &Cache) -> Result<Option<Kept>, AcmeError> {
    let path = cache.account();
    on_disk(move || {
        let Some(text) = Cache::read(&path)? else {
            return Ok(None);
        };
        match serde_json::from_str(&text) {
            Ok(kept) => Ok(Some(kept)),
            Err(_) => {
                let aside = path.with_extension("broken.json");
                tracing::error!(path = %path.display(), aside = %aside.display(), "the file of the ACME account can't be understood: it is put aside, and a new account is made");
                std::fs::rename(&path, aside)?;
                Ok(None)
            }
        }
    })
    .await
}

async fn write(
    settings: &Settings,
    cache: &Cache,
    credentials: AccountCredentials,
) -> Result<(), AcmeError> {
    let kept = Kept {
        contact: settings.contact.clone(),
        credentials,
    };
    let text = serde_json::to_string(&kept).map_err(|error| AcmeError::Here(error.to_string()))?;
    let (text, cache) = (Zeroizing::new(text), cache.clone());
    on_disk(move || cache.write(&cache.account(), &text)).await
}

/// Does what waits for the disk where it holds up nothing else.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, AcmeError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| AcmeError::Here(error.to_string()))?;
    done.map_err(|error| AcmeError::Here(format!("plugins.state-directory: acme: {error}")))
}
