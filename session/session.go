package session

import "pgseal/wire"

// Config is what a session is made with.
type Config struct {
	// MaxFrame bounds, in bytes with header, the frames that have to be looked
	// into as a whole; frames that are only relayed stream at any size. 0 means
	// the protocol's own limit of 1 GiB.
	MaxFrame int
}

// Session is the protocol state of one session.
type Session struct {
	cfg Config

	fifo fifo
	// status is the transaction status of the last ReadyForQuery.
	status byte

	// left is how much of the frame at hand in that direction still has to be
	// passed on, or dropped.
	client, server pending

	// skipping: the server has failed and reads on to a Sync that the client
	// has not sent yet; it ignores everything before.
	skipping bool
	// copyIn: the server reads COPY data; it ignores Sync until CopyDone or
	// CopyFail.
	copyIn bool
	// swallowedSyncs counts the Syncs taken for swallowed by a COPY; if the
	// COPY failed before it read them, the server does answer them.
	swallowedSyncs int
	// raw: a replication stream, nothing of which is for us.
	raw bool
}

// pending is the rest of a frame that is larger than what has been read of it.
type pending struct {
	left int
	drop bool
}

// New begins a session whose startup has just ended.
func New(c Config) *Session {
	if c.MaxFrame <= 0 || c.MaxFrame > wire.MaxFrame {
		c.MaxFrame = wire.MaxFrame
	}
	return &Session{cfg: c, status: 'I'}
}

// SetParameter takes over a setting that the startup made known: the client's
// own (startup packet) first, then the server's ParameterStatus messages.
func (s *Session) SetParameter(name, value string) {
	if name == "replication" {
		s.raw = value != "" && value != "false" && value != "off" && value != "no" && value != "0"
	}
}

// KeyFailed tells why the data key of a NeedKey cannot be had. The statement
// that needs it fails with an error that says so.
func (s *Session) KeyFailed(id uint32, err error) {}

// Idle reports that the session is outside a transaction, that nothing is
// outstanding and no frame half passed on: it may be ended without harm.
func (s *Session) Idle() bool {
	return s.status == 'I' && s.fifo.len() == 0 && s.client.left == 0 && s.server.left == 0 && !s.skipping
}

// ReleaseBuffers gives back what a busy session has grown.
func (s *Session) ReleaseBuffers() { s.fifo.release() }

// action is what becomes of a frame that has been looked at.
type action uint8

const (
	// relay passes the frame on as it is, in as many pieces as it comes.
	relay action = iota
	// drop consumes the frame; whatever goes on in its place has been put.
	drop
	// wait leaves the frame where it is: the Need says for what.
	wait
)

// violation is a breach of the protocol, after which nothing that the peer
// says can be trusted to be what it seems.
func violation(message string) error {
	return &wire.Error{Severity: wire.SeverityFatal, Code: "08P01", Message: message}
}
