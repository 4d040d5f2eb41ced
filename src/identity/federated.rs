//! Ways in that begin with a token of the tenant's identity provider.

use super::authenticator::{Authenticator, Known, Unauthenticated};
use super::oidc::{Claims, OneOrMore, TokenError, issuer_of};
use super::principal::{Life, Principal, ProvenBy};
use super::session::{self, Session, SessionCredentials};
use super::{TokenHash, key_pair};
use crate::domain::{IdentityProvider, PatientId, PrincipalId, PrincipalKind, Profile, Standing, TenantId, UtcTime, limits};
use crate::leases::LeaseError;
use crate::seal::TokenKind;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

impl Authenticator {
    /// Session credentials for whom `token` identifies, in the tenant of that name: STS's `AssumeRoleWithWebIdentity`.
    ///
    /// # Errors
    /// [`Unauthenticated`].
    pub async fn assume(
        &self,
        tenant: &str,
        token: &str,
        life: Option<Duration>,
    ) -> Result<(Arc<Principal>, SessionCredentials), Unauthenticated> {
        let tenant = self.tenant_named(tenant).await?.ok_or(TokenError::Issuer)?;
        let provider = self.provider(tenant, &issuer_of(token)?).await?;
        let now = self.clock.now();
        let claims = self.providers.verified(tenant, &provider, (token, now)).await?;
        let most = Duration::from_secs(provider.session_secs_max.into());
        let ends = now.plus(life.unwrap_or(limits::SESSION_LIFE).min(most));
        let (access_key, secret) = key_pair::generate(key_pair::SESSION)?;
        let life = Life { begun: now, ends };
        let who = self.federated((tenant, &provider), &claims, (access_key.clone(), Some(life))).await?;
        let session = Session {
            access_key: access_key.clone(),
            secret: secret.as_str().to_owned(),
            principal: *who.id.as_bytes(),
            name: who.name.clone(),
            profile: who.profile.clone(),
            proven_by: who.proven_by,
            factors: who.factors,
            begun: now.micros(),
            ends: ends.micros(),
        };
        let token = session::seal(&*self.leases.index(tenant).await?, tenant, &session)?;
        let credentials = SessionCredentials { access_key, secret, token, ends, principal: who.id, name: who.name.clone() };
        Ok((Arc::new(who), credentials))
    }

    /// Takes the token that came with a request signed by `access_key` into use, so that the signature can be checked.
    ///
    /// # Errors
    /// [`Unauthenticated::Token`] when it is none of ours; [`Unauthenticated::NotInUse`] when it is over.
    pub async fn accept(&self, access_key: &str, token: &str) -> Result<TokenHash, Unauthenticated> {
        let made = TokenHash::of(token.as_bytes());
        if self.sessions.get(access_key).and_then(|known| known.token).is_some_and(|known| known.is(made)) {
            return Ok(made);
        }
        let presented = session::taken_apart(token).ok_or(TokenError::Malformed)?;
        let keys = match self.leases.index(presented.tenant).await {
            Err(LeaseError::NoTenant { .. }) => return Err(TokenError::Malformed.into()),
            found => found?,
        };
        let session = session::open(&keys, &presented).ok_or(TokenError::Malformed)?;
        let tenant = self.engine.tenant(presented.tenant).await?.filter(|tenant| tenant.standing == Standing::Active);
        let tenant = tenant.ok_or(Unauthenticated::NotInUse)?;
        let life = Life { begun: UtcTime::from_micros(session.begun), ends: UtcTime::from_micros(session.ends) };
        let who = Principal {
            id: PrincipalId::from_bytes(session.principal),
            tenant: tenant.id,
            name: session.name.clone(),
            kind: PrincipalKind::Person,
            profile: session.profile.clone(),
            access_key: session.access_key.clone(),
            proven_by: session.proven_by,
            factors: session.factors,
            life: Some(life),
            via: None,
            serial: self.next_serial(),
        };
        let known = Known {
            generation: self.generation(),
            secret: Zeroizing::new(session.secret.clone()),
            principal: Arc::new(who),
            expires: Some(life.ends),
            token: Some(made),
        };
        self.sessions.insert(session.access_key.clone(), Arc::new(known));
        Ok(made)
    }

    /// Whom a bearer token identifies (RFC 6750).
    ///
    /// # Errors
    /// [`Unauthenticated`].
    pub async fn bearer(&self, token: &str) -> Result<Arc<Principal>, Unauthenticated> {
        let made = TokenHash::of(token.as_bytes());
        if let Some(known) = self.bearers.get(&made) {
            return self.still(&known).await;
        }
        let issuer = issuer_of(token)?;
        let mut found = Err(TokenError::Issuer);
        for tenant in self.engine.tenants().await?.into_iter().filter(|tenant| tenant.standing == Standing::Active) {
            let Some(provider) = self.access.book(tenant.id).await?.provider(&issuer).cloned() else { continue };
            match self.providers.verified(tenant.id, &provider, (token, self.clock.now())).await {
                Ok(claims) => {
                    let who = self.of_token((tenant.id, &provider), &claims, "bearer".to_owned()).await?;
                    self.bearers.insert(made, Arc::clone(&who));
                    return self.still(&who).await;
                }
                Err(error) => found = Err(error),
            }
        }
        found.map_err(Into::into)
    }

    /// The person for whom the app `app` acts, by the token that it shows: the person's rights hold (ID-01).
    ///
    /// # Errors
    /// [`Unauthenticated`]: also where the token was given to another app.
    pub async fn on_behalf(&self, app: &Arc<Principal>, token: &str) -> Result<Arc<Principal>, Unauthenticated> {
        if app.kind != PrincipalKind::App {
            return Err(TokenError::Claim { claim: "azp" }.into());
        }
        // By app and token: what one app has shown says nothing of another.
        let made = TokenHash::of(&[app.access_key().as_bytes(), token.as_bytes()].concat());
        if let Some(known) = self.bearers.get(&made) {
            return self.still(&known).await;
        }
        let provider = self.provider(app.tenant, &issuer_of(token)?).await?;
        let claims = self.providers.verified(app.tenant, &provider, (token, self.clock.now())).await?;
        // A token that was stolen from one app is of no use to another.
        if claims.azp.as_deref().or(claims.client_id.as_deref()) != Some(app.name()) {
            return Err(TokenError::Claim { claim: "azp" }.into());
        }
        let who = self.of_token((app.tenant, &provider), &claims, app.access_key.clone()).await?;
        let who = Arc::new(Principal { via: Some(Arc::clone(app)), ..Principal::clone_of(&who, self.next_serial()) });
        self.bearers.insert(made, Arc::clone(&who));
        self.still(&who).await
    }

    async fn of_token(
        &self,
        (tenant, provider): (TenantId, &IdentityProvider),
        claims: &Claims,
        access_key: String,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        let moment = |seconds: i64| UtcTime::from_micros(seconds.saturating_mul(1_000_000));
        let begun = moment(claims.iat.or(claims.nbf).unwrap_or(0));
        let life = Life { begun, ends: moment(claims.exp).plus(limits::TOKEN_SKEW_MAX) };
        Ok(Arc::new(self.federated((tenant, provider), claims, (access_key, Some(life))).await?))
    }

    /// Whom a token's claims describe.
    async fn federated(
        &self,
        (tenant, provider): (TenantId, &IdentityProvider),
        claims: &Claims,
        (access_key, life): (String, Option<Life>),
    ) -> Result<Principal, Unauthenticated> {
        if let Some(facility) = &claims.facility {
            let ours = self.engine.tenant(tenant).await?.and_then(|tenant| tenant.facility);
            if ours.as_ref() != Some(facility) {
                return Err(TokenError::Claim { claim: "facility" }.into());
            }
        }
        let keys = self.leases.index(tenant).await?;
        let token = keys.token(TokenKind::Person, tenant.as_bytes(), format!("{}\0{}", claims.iss, claims.sub).as_bytes());
        let (id, _rest) = token.0.split_first_chunk::<16>().ok_or(TokenError::Malformed)?;
        let all = |claim: &Option<OneOrMore>| claim.iter().flat_map(OneOrMore::iter).map(str::to_owned).collect();
        // A limit that is not understood is not left out.
        let scope = claims.patient_scope.iter().flat_map(OneOrMore::iter).map(PatientId::parse);
        let scope = scope.collect::<Result<Vec<_>, _>>().map_err(|_| TokenError::Claim { claim: "patient_scope" })?;
        let name = claims.preferred_username.as_ref().unwrap_or(&claims.sub);
        let profile = Profile {
            display_name: claims.name.clone().unwrap_or_default().chars().take(limits::NAME_CHARS_MAX).collect(),
            job_types: all(&claims.job_type),
            departments: all(&claims.department),
            care_teams: all(&claims.care_team),
            patient_scope: scope,
            default_purpose: claims.purpose.or(provider.default_purpose),
            grants: provider.grants.clone(),
        };
        Ok(Principal {
            id: PrincipalId::from_bytes(*id),
            tenant,
            name: name.chars().take(limits::NAME_CHARS_MAX).collect(),
            kind: PrincipalKind::Person,
            profile,
            access_key,
            proven_by: ProvenBy::IdentityProvider,
            factors: factors(provider, claims),
            life,
            via: None,
            serial: self.next_serial(),
        })
    }

    async fn tenant_named(&self, name: &str) -> Result<Option<TenantId>, Unauthenticated> {
        let all = self.engine.tenants().await?;
        Ok(all.into_iter().find(|tenant| tenant.name == name && tenant.standing == Standing::Active).map(|tenant| tenant.id))
    }

    async fn provider(&self, tenant: TenantId, issuer: &str) -> Result<IdentityProvider, Unauthenticated> {
        Ok(self.access.book(tenant).await?.provider(issuer).cloned().ok_or(TokenError::Issuer)?)
    }
}

/// Two where the provider says so in a way that the tenant has named, or as RFC 8176 does (ID-03).
fn factors(provider: &IdentityProvider, claims: &Claims) -> u8 {
    let said: Vec<&str> = claims.amr.iter().flat_map(OneOrMore::iter).chain(claims.acr.as_deref()).collect();
    let is_two = |value: &&str| match provider.two_factors.as_slice() {
        [] => *value == "mfa",
        named => named.iter().any(|two| two == value),
    };
    if said.iter().any(is_two) { 2 } else { 1 }
}
