// error: cannot construct `hozon
// cannot construct `hozon::identity::Principal` with struct literal syntax due to private fields
use hozon::domain::{PrincipalId, PrincipalKind, Profile, TenantId};
use hozon::identity::Principal;

pub fn forge(tenant: TenantId) -> Principal {
    Principal {
        id: PrincipalId::random(),
        tenant,
        name: String::new(),
        kind: PrincipalKind::Person,
        profile: Profile::default(),
        access_key: String::new(),
    }
}
