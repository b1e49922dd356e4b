//! The office's roles, and what each may do. Deny by default: a role may what stands here and nothing else
//! (6.2.3: access rights; DOMAIN §14.3).

use serde::{Deserialize, Serialize};

use super::ledger::Class;

/// What an office user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 调度: plans and assigns visits.
    Dispatcher,
    /// 客服: speaks with residents, calls back.
    Service,
    /// 收费: charges and refunds.
    Billing,
    /// 主管: decides, completes forms, sees all.
    Supervisor,
    /// 审计: reads what was done, and by whom.
    Auditor,
    /// 管理员: users, phones, registers. Sees no resident's person.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Dispatcher, Self::Service, Self::Billing, Self::Supervisor, Self::Auditor, Self::Admin];

    /// Its name in the log and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dispatcher => "dispatcher",
            Self::Service => "service",
            Self::Billing => "billing",
            Self::Supervisor => "supervisor",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// As shown.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Dispatcher => "调度",
            Self::Service => "客服",
            Self::Billing => "收费",
            Self::Supervisor => "主管",
            Self::Auditor => "审计",
            Self::Admin => "管理员",
        }
    }

    /// How this role meets a field of `class`.
    pub fn sees(self, class: Class) -> Sight {
        match (class, self) {
            (Class::P, _) => Sight::Plain,
            (Class::W, Self::Auditor | Self::Admin) => Sight::Nothing,
            (Class::W, _) => Sight::Plain,
            (Class::O, Self::Service | Self::Billing | Self::Supervisor) => Sight::Plain,
            (Class::O, _) => Sight::Nothing,
            (Class::R, Self::Service | Self::Billing | Self::Supervisor) => Sight::Masked,
            (Class::R, _) => Sight::Nothing,
        }
    }

    /// May read a masked value, with a reason that goes on record.
    pub fn may_unmask(self) -> bool {
        matches!(self, Self::Dispatcher | Self::Service | Self::Billing | Self::Supervisor)
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text || role.zh() == text)
            .ok_or_else(|| format!("no role {text}: dispatcher, service, billing, supervisor, auditor or admin"))
    }
}

/// How a role meets a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// As it is, but a telephone number always masked at first.
    Plain,
    /// Masked; may be unmasked with a reason.
    Masked,
    /// Not even that it is there.
    Nothing,
}

/// Telephone numbers of residents are masked for everybody until asked for with a reason.
pub fn masked_at_first(key: &str) -> bool {
    matches!(key, "owner_phone" | "tenant_phone")
}

/// A value with its middle hidden: `138****0000`, `张**`, `1****************X`. Says nothing of a short one's length.
pub fn mask(value: &str) -> String {
    let chars: Vec<char> = value.chars().collect();
    let (head, tail) = match chars.len() {
        0 => return String::new(),
        1..=4 => (1, 0),
        5..=8 => (1, 1),
        9..=11 => (3, 4),
        _ => (1, 1),
    };
    let stars = if chars.len() <= 4 { 2 } else { chars.len() - head - tail };
    chars[..head]
        .iter()
        .copied()
        .chain(std::iter::repeat_n('*', stars))
        .chain(chars[chars.len() - tail..].iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_ends_and_no_more() {
        assert_eq!(mask("13800001234"), "138****1234");
        assert_eq!(mask("张三丰"), "张**");
        assert_eq!(mask("11010119900101123X"), "1****************X");
        assert_eq!(mask(""), "");
    }

    #[test]
    fn nobody_sees_restricted_fields_plain() {
        for role in Role::ALL {
            assert_ne!(role.sees(Class::R), Sight::Plain, "{}", role.name());
        }
    }
}
