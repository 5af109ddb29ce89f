//! How a PATCH tells an absent member, which changes nothing, from `null`, which clears.

use serde::{Deserialize, Deserializer};

/// For a member that cannot be cleared: `null` is refused instead of being taken for absent.
/// `#[serde(default, deserialize_with = "patch::required")] title: Option<String>`
pub fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For a member that can be cleared: `None` is absent, `Some(None)` is `null`.
/// `#[serde(default, deserialize_with = "patch::optional")] tax: Option<Option<Tax>>`
pub fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
