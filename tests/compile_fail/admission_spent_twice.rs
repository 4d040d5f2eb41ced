// error[E0382]: use of moved value: `admitted`
use hozon::objects::Objects;
use hozon::policy::{Admitted, Circumstances, Delete};

pub async fn again(objects: Objects, around: Circumstances, admitted: Admitted<Delete>) {
    let _first = objects.delete(&around, admitted).await;
    let _second = objects.delete(&around, admitted).await;
}
