// error[E0451]: field `event` of struct `Receipt` is private
use hozon::audit::{Event, Receipt};

pub fn forge(event: Event) -> Receipt {
    Receipt { event }
}
