// error[E0308]: mismatched types
// expected `Admitted<Delete>`
use hozon::objects::Objects;
use hozon::policy::{Admitted, Circumstances, Read};

pub async fn delete(objects: Objects, around: Circumstances, admitted: Admitted<Read>) {
    let _gone = objects.delete(&around, admitted).await;
}
