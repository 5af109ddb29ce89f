//! Distinguishes an absent field, which changes nothing, from `null`, which clears the field.

use serde::{Deserialize, Deserializer};

/// For a field that cannot be cleared: `null` is invalid instead of absent.
/// `#[serde(default, deserialize_with = "patch::required")] title: Option<String>`
pub fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For a field that can be cleared: `None` is absent, `Some(None)` is `null`.
/// `#[serde(default, deserialize_with = "patch::optional")] tax: Option<Option<Tax>>`
pub fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
