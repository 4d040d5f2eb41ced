// error[E0277]
// `Admitted<hozon::policy::Read>: Clone` is not satisfied
use hozon::policy::{Admitted, Read};

pub fn twice(admitted: &Admitted<Read>) -> Admitted<Read> {
    Clone::clone(admitted)
}
