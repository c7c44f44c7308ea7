package proxy

import (
	"context"
	"errors"

	"pgseal/session"
)

// Database is what one session needs from the database it is connected to. Its
// methods may be called concurrently.
type Database interface {
	// Session makes the protocol state of a session that has just started up.
	Session() Protocol
	// OpenKey unwraps a data key, so that it is open when release is called at
	// the earliest.
	OpenKey(ctx context.Context, id uint32) (release func(), err error)
	// Refresh reads the catalog again.
	Refresh(ctx context.Context) error
	// CatchUp waits until all is known that a session's Config.Moved has told of.
	CatchUp(ctx context.Context) error
	// Settle reads it until no column is being sealed or unsealed, or ctx ends,
	// which is no error.
	Settle(ctx context.Context) error
	// Close ends the session's use of the database.
	Close()
}

// Protocol is the state of a session as the relay drives it; see
// session.Session, which is the only one in production. FromClient and
// FromServer begin by emptying out, which may hold what another session's call
// left in it.
type Protocol interface {
	SetParameter(name, value string)
	SetProcess(number uint32)
	FromClient(b []byte, out *session.Output) (n int, need session.Need, err error)
	FromServer(b []byte, out *session.Output) (n int, need session.Need, err error)
	KeyFailed(id uint32, err error)
	Idle() bool
	Answered() bool
	ReleaseBuffers()
}

// nothing is the Database of a session of physical replication, which is
// connected to none and runs no SQL.
type nothing struct{}

func openNothing(context.Context, string) (Database, error) { return nothing{}, nil }

func (nothing) Session() Protocol { return session.New(session.Config{}) }
func (nothing) OpenKey(context.Context, uint32) (func(), error) {
	return nil, errors.New("a session of physical replication has no keys")
}
func (nothing) Refresh(context.Context) error { return nil }
func (nothing) CatchUp(context.Context) error { return nil }
func (nothing) Settle(context.Context) error  { return nil }
func (nothing) Close()                        {}

var _ Protocol = (*session.Session)(nil)
