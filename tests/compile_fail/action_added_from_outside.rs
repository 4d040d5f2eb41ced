// error[E0277]
// Sealed
use hozon::audit::Receipt;
use hozon::domain::Right;
use hozon::policy::Action;

#[derive(Debug)]
enum Everything {}

impl Action for Everything {
    const RIGHT: Right = Right::Read;
    type Subject = ();
    type Record = Receipt;
}
