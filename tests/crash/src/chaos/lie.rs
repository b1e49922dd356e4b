//! What a network does to a request, and what ends at either end of it.

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lie {
    /// It breaks off at some byte on its way to the server.
    CutRequest,
    /// The reply breaks off at some byte on its way back.
    CutReply,
    /// The reply is lost.
    LoseReply,
    /// The server gets it twice.
    Twice,
    /// The reply comes when nobody waits for it any more.
    LateReply,
    /// The request comes after the one that follows it.
    LateRequest,
    /// Nobody is reached.
    Unreachable,
    /// A portal's page with status 200.
    Portal,
    /// A portal's redirect.
    Redirect,
    /// A proxy's 502, the server never asked.
    BadGateway,
    /// A proxy's 502 after the server did it.
    BadGatewayAfter,
    /// The reply of an earlier request.
    Stale,
    /// The reply cut short, its length made to fit.
    Truncated,
    /// The reply trickles in, a few bytes a packet.
    Trickle,
    /// A zstd body that unpacks to more than anybody may send, as the reply.
    ZstdBomb,
    /// A gzip body, which the phone never asks for, as the reply.
    Gzip,
    /// Before it, the server gets such a body in this phone's name.
    BombToServer,
    /// Before it, the server gets half a request that never ends.
    Loris,
    /// Neither it nor some that follow it reach anybody: each waits for its answer until it gives up.
    Partition,
    /// It arrives, and so do some that follow it; none of their replies does.
    OneWay,
    /// The server is killed while it is under way, and started again.
    ServerKilled,
    /// The phone's app ends while it waits for the reply, and is opened again.
    PhoneEnds,
}

impl Lie {
    /// All of them; what cuts a file's way stands first.
    pub(super) const ALL: [Self; 22] = [
        Self::CutRequest,
        Self::CutReply,
        Self::LoseReply,
        Self::Twice,
        Self::LateReply,
        Self::LateRequest,
        Self::Unreachable,
        Self::Portal,
        Self::Redirect,
        Self::BadGateway,
        Self::BadGatewayAfter,
        Self::Stale,
        Self::Truncated,
        Self::Trickle,
        Self::ZstdBomb,
        Self::Gzip,
        Self::BombToServer,
        Self::Loris,
        Self::Partition,
        Self::OneWay,
        Self::ServerKilled,
        Self::PhoneEnds,
    ];

    /// Whether it goes on for some requests.
    pub(super) fn lasts(self) -> bool {
        matches!(self, Self::Partition | Self::OneWay)
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::CutRequest => "request cut",
            Self::CutReply => "reply cut",
            Self::LoseReply => "reply lost",
            Self::Twice => "request twice",
            Self::LateReply => "reply after the timeout",
            Self::LateRequest => "request after the next one",
            Self::Unreachable => "unreachable",
            Self::Portal => "portal's page",
            Self::Redirect => "portal's redirect",
            Self::BadGateway => "502 before",
            Self::BadGatewayAfter => "502 after",
            Self::Stale => "yesterday's reply",
            Self::Truncated => "reply truncated",
            Self::Trickle => "slow reply",
            Self::ZstdBomb => "zstd bomb",
            Self::Gzip => "gzip nobody asked for",
            Self::BombToServer => "bomb to the server",
            Self::Loris => "half a request for ever",
            Self::Partition => "partition",
            Self::OneWay => "one-way partition",
            Self::ServerKilled => "server killed",
            Self::PhoneEnds => "app ended",
        }
    }
}
