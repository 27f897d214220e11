//! Who calls, and what they may do: identity and the oslo.policy rules
