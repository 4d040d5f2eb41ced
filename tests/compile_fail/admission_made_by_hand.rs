// error[E0451]
// private
use hozon::leases::Monotonic;
use hozon::policy::{Admitted, Read};
use std::sync::Arc;
use std::time::Duration;

pub fn forge(
    who: Arc<hozon::identity::Principal>,
    subject: hozon::policy::ReadSubject,
    record: hozon::audit::Receipt,
    clock: Arc<dyn Monotonic>,
) -> Admitted<Read> {
    Admitted { who, subject, record, clock, until: Duration::MAX }
}
