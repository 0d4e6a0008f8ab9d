//! The egress policy: where guests may connect to.
//!
//! - A destination (scheme, host, port) must fit a grant of the operator and a request of the manifest. A range of addresses
//!   fits addresses only: a name is resolved only if a grant names it, so that look-ups carry nothing out.
//! - A name is resolved once, the addresses are filtered, and exactly those are connected to ([`Network`]).
//! - Loopback, link-local, metadata, multicast, unspecified, broadcast and reserved addresses need a grant that names that
//!   very address and port; `localhost` names 127.0.0.1 and ::1.
//! - Private addresses need a grant that names the host (the name or the address) or a range that has the address.
//! - The gateway's own listeners are never connected to.

pub mod address;
pub mod destination;
pub mod dial;
pub mod grant;
pub mod resolver;
pub mod tls;

pub use destination::{Destination, Host, Scheme};
pub use dial::{Network, Stream};
pub use grant::{ConnectGrant, GrantError};
pub use resolver::{Resolver, SystemResolver};

use crate::plugins::input::NetError;
use address::Class;
use grant::HostPattern;
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::sync::Arc;

/// Where an instance may connect to: what some grant and some request both allow. The default allows nothing.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    granted: Vec<ConnectGrant>,
    requested: Vec<ConnectGrant>,
    trusted: Arc<[CertificateDer<'static>]>,
}

/// How the certificate of an admitted destination is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It must be valid for the host.
    Required,
    /// Any will do.
    Waived,
}

impl Policy {
    /// A policy of the operator's grants, narrowed by the manifest's requests.
    #[must_use]
    pub fn new(granted: Vec<ConnectGrant>, requested: Vec<ConnectGrant>) -> Self {
        Self {
            granted,
            requested,
            trusted: Arc::default(),
        }
    }

    /// Trusts these certificates too, besides those that all instances trust.
    #[must_use]
    pub fn trusting(mut self, certificates: Vec<CertificateDer<'static>>) -> Self {
        self.trusted = certificates.into();
        self
    }

    /// Certificates that are trusted besides those that all instances trust.
    pub(super) fn trusted(&self) -> &[CertificateDer<'static>] {
        &self.trusted
    }

    /// Whether a destination may be connected to, as far as its host tells, and how certificates are treated: verified
    /// where some grant of it does not waive that.
    ///
    /// # Errors
    /// `NotGranted`.
    pub fn admit(&self, destination: &Destination) -> Result<Verification, NetError> {
        if !self
            .requested
            .iter()
            .any(|request| request.fits(destination))
        {
            return Err(NetError::NotGranted(format!(
                "the plugin's manifest does not request {destination}"
            )));
        }
        let mut fitting = self.granted.iter().filter(|grant| grant.fits(destination));
        let Some(first) = fitting.next() else {
            return Err(NetError::NotGranted(format!(
                "no connect grant names {destination}"
            )));
        };
        if first.unverified && fitting.all(|grant| grant.unverified) {
            return Ok(Verification::Waived);
        }
        Ok(Verification::Required)
    }

    /// Whether a guest may ask for any certificate at that destination.
    ///
    /// # Errors
    /// `NotGranted`.
    pub fn admit_unverified(&self, destination: &Destination) -> Result<(), NetError> {
        self.admit(destination)?;
        if self
            .granted
            .iter()
            .any(|grant| grant.unverified && grant.fits(destination))
        {
            return Ok(());
        }
        Err(NetError::NotGranted(format!(
            "unverified certificates need a grant \"{}+unverified://{}:{}\"",
            destination.scheme, destination.host, destination.port
        )))
    }

    /// Whether an address that an admitted destination leads to may be connected to.
    ///
    /// # Errors
    /// `NotGranted`, with what the grant would have to name.
    pub fn admit_address(
        &self,
        destination: &Destination,
        address: IpAddr,
    ) -> Result<(), NetError> {
        let (scheme, port) = (destination.scheme, destination.port);
        let address = address.to_canonical();
        let any = |test: &dyn Fn(&ConnectGrant) -> bool| self.granted.iter().any(test);
        let (allowed, what) = match address::classify(address) {
            Class::Public => return Ok(()),
            Class::Special(what) => (
                any(&|grant| grant.names_exactly(scheme, address, port)),
                what,
            ),
            Class::Private => (
                any(&|grant| grant.names_range_of(scheme, address, port))
                    || any(&|grant| {
                        matches!(grant.host, HostPattern::Name(_)) && grant.fits(destination)
                    }),
                "private",
            ),
        };
        if allowed {
            return Ok(());
        }
        let named = Destination {
            host: Host::Address(address),
            ..destination.clone()
        };
        Err(NetError::NotGranted(format!(
            "{destination} leads to the {what} address {address}, which needs a grant that names it: \"{named}\""
        )))
    }
}

#[cfg(test)]
#[path = "egress/policy_tests.rs"]
mod tests;
