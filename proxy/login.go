package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgproto3/v2"

	"pgseal/wire"
)

const (
	// maxLoginFrame bounds what a server may send as one message before its
	// first ReadyForQuery.
	maxLoginFrame = 1 << 20
	// maxAuthResponse bounds what a client may send as one message before it
	// is let in: PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH and the header.
	maxAuthResponse = 65535 + wire.HeaderLen
)

// errServerRefused ends a startup in which the server's own error has reached
// the client.
var errServerRefused = errors.New("refused by the server")

// clientError is a failure of the client's side during the startup, and
// serverError one of the server's; who failed decides who is told.
type (
	clientError struct{ err error }
	serverError struct{ err error }
)

func (e clientError) Error() string { return "client: " + e.err.Error() }
func (e clientError) Unwrap() error { return e.err }
func (e serverError) Error() string { return "server: " + e.err.Error() }
func (e serverError) Unwrap() error { return e.err }

// login relays the server's authentication of one client and what the server
// says until it is ready for the first query.
type login struct {
	client      *peeked
	clientTLS   bool
	certificate []byte // leaf shown to the client, DER
	server      *serverConn

	asked bool   // the client was asked for a credential
	out   []byte // frames for the client that wait for company

	parameters [][2]string // ParameterStatus, in order
	cancelKey  []byte      // body of BackendKeyData
}

// run returns when the server is ready for queries. What has not been written
// to the client by then, AuthenticationOk to ReadyForQuery, stands in out.
func (l *login) run() error {
	if err := l.authenticate(); err != nil {
		return err
	}
	return l.untilReady()
}

func (l *login) authenticate() error {
	for {
		f, err := l.fromServer()
		if err != nil {
			return err
		}
		switch f[0] {
		case wire.TypeErrorResponse:
			return l.serverRefused(f)
		case wire.TypeNegotiateProtocol, wire.TypeNoticeResponse:
			l.out = append(l.out, f...)
		case wire.TypeAuthentication:
			done, err := l.authentication(f)
			if done || err != nil {
				return err
			}
		default:
			return serverError{wire.ErrMalformed}
		}
	}
}

// authentication handles one AuthenticationXXX.
func (l *login) authentication(f []byte) (done bool, err error) {
	if len(f) < wire.HeaderLen+4 {
		return false, serverError{wire.ErrMalformed}
	}
	switch binary.BigEndian.Uint32(f[wire.HeaderLen:]) {
	case pgproto3.AuthTypeOk:
		if l.server.presented && !l.asked {
			return false, &wire.Error{
				Severity: wire.SeverityFatal,
				Code:     codeInvalidAuthorization,
				Message:  "the server asked this user for no credential on a connection that shows pgseal's own client certificate",
				Hint:     `In the server's pg_hba.conf, use "scram-sha-256 clientcert=verify-ca" for connections from pgseal, or take sslcert out of pgseal's upstream URL.`,
			}
		}
		l.out = append(l.out, f...)
		return true, nil
	case pgproto3.AuthTypeCleartextPassword, pgproto3.AuthTypeMD5Password, pgproto3.AuthTypeSASLContinue:
		return false, l.relayQuestion(f)
	case pgproto3.AuthTypeSASLFinal:
		l.out = append(l.out, f...)
		return false, nil
	case pgproto3.AuthTypeSASL:
		return false, l.sasl(f)
	}
	return false, &wire.Error{
		Severity: wire.SeverityFatal,
		Code:     codeFeatureNotSupported,
		Message:  "the server asks for an authentication method that cannot be relayed",
		Detail:   "GSSAPI and SSPI authenticate the connection between two hosts.",
		Hint:     "In the server's pg_hba.conf, use scram-sha-256 for connections from pgseal.",
	}
}

// relayQuestion passes a question to the client and its answer to the server.
func (l *login) relayQuestion(question []byte) error {
	answer, err := l.ask(question)
	if err != nil {
		return err
	}
	return l.toServer(answer)
}

func (l *login) ask(question []byte) ([]byte, error) {
	l.asked = true
	l.out = append(l.out, question...)
	if err := l.flush(); err != nil {
		return nil, err
	}
	answer, err := l.client.frame(maxAuthResponse)
	if errors.Is(err, wire.ErrLength) || errors.Is(err, errFrameTooLong) {
		return nil, protocolViolation("invalid message length")
	}
	if err != nil {
		return nil, clientError{err}
	}
	return answer, nil
}

// sasl relays the list of mechanisms, or takes the exchange over where it
// cannot be relayed: see the package's documentation.
func (l *login) sasl(f []byte) error {
	mechanisms, err := parseMechanisms(f[wire.HeaderLen+4:])
	if err != nil {
		return serverError{err}
	}
	if !slices.Contains(mechanisms, scramSHA256Plus) {
		return l.relayQuestion(f)
	}
	if !l.clientTLS {
		question, err := (&pgproto3.AuthenticationSASL{AuthMechanisms: slices.DeleteFunc(mechanisms, isPlus)}).Encode(nil)
		if err != nil {
			return err
		}
		return l.relayQuestion(question)
	}
	if l.sameCertificate() {
		return l.relayQuestion(f)
	}
	return l.passwordForScram()
}

// sameCertificate reports whether the client and we were shown the same
// certificate, so that a binding to it holds on both hops.
func (l *login) sameCertificate() bool {
	if l.server.tls == nil {
		return false
	}
	certs := l.server.tls.ConnectionState().PeerCertificates
	return len(certs) > 0 && len(l.certificate) > 0 && bytes.Equal(certs[0].Raw, l.certificate)
}

// passwordForScram asks the client for its password, inside its TLS, and logs
// in to the server with it.
func (l *login) passwordForScram() error {
	question, err := (&pgproto3.AuthenticationCleartextPassword{}).Encode(nil)
	if err != nil {
		return err
	}
	answer, err := l.ask(question)
	if errors.As(err, new(clientError)) {
		return fmt.Errorf("%w: asked for its password instead of SCRAM, because pgseal's certificate is not the server's, it left "+
			"(channel_binding=require and require_auth=scram-sha-256 do that; the remedy is to give pgseal the server's certificate and key)", err)
	}
	if err != nil {
		return err
	}
	body := answer[wire.HeaderLen:]
	end := bytes.IndexByte(body, 0)
	if answer[0] != wire.TypePassword || end != len(body)-1 {
		return protocolViolation("expected password response")
	}
	var binding []byte
	if l.server.tls != nil {
		binding = endpointBinding(l.server.tls)
	}
	return l.scram(newScramLogin(saslPrep(string(body[:end])), binding))
}

// scram carries out the exchange up to the server's proof.
func (l *login) scram(s *scramLogin) error {
	if err := l.say(&pgproto3.SASLInitialResponse{AuthMechanism: s.mechanism(), Data: []byte(s.first())}); err != nil {
		return err
	}
	serverFirst, err := l.saslMessage(pgproto3.AuthTypeSASLContinue)
	if err != nil {
		return err
	}
	final, err := s.final(serverFirst)
	if err != nil {
		return serverError{err}
	}
	if err := l.say(&pgproto3.SASLResponse{Data: []byte(final)}); err != nil {
		return err
	}
	serverFinal, err := l.saslMessage(pgproto3.AuthTypeSASLFinal)
	if err != nil {
		return err
	}
	if err := s.verify(serverFinal); err != nil {
		return serverError{err}
	}
	return nil
}

// saslMessage is the data of the server's next message, which must be of that
// kind, an error or a notice.
func (l *login) saslMessage(kind uint32) ([]byte, error) {
	for {
		f, err := l.fromServer()
		if err != nil {
			return nil, err
		}
		switch {
		case f[0] == wire.TypeErrorResponse:
			return nil, l.serverRefused(f)
		case f[0] == wire.TypeNoticeResponse:
			l.out = append(l.out, f...)
		case f[0] == wire.TypeAuthentication && len(f) >= wire.HeaderLen+4 &&
			binary.BigEndian.Uint32(f[wire.HeaderLen:]) == kind:
			return f[wire.HeaderLen+4:], nil
		default:
			return nil, serverError{wire.ErrMalformed}
		}
	}
}

// untilReady collects what the server says between AuthenticationOk and its
// first ReadyForQuery.
func (l *login) untilReady() error {
	for {
		f, err := l.fromServer()
		if err != nil {
			return err
		}
		switch f[0] {
		case wire.TypeErrorResponse:
			return l.serverRefused(f)
		case wire.TypeParameterStatus:
			var status pgproto3.ParameterStatus
			if err := status.Decode(f[wire.HeaderLen:]); err != nil {
				return serverError{wire.ErrMalformed}
			}
			l.parameters = append(l.parameters, [2]string{status.Name, status.Value})
		case wire.TypeBackendKeyData:
			l.cancelKey = bytes.Clone(f[wire.HeaderLen:])
		case wire.TypeNoticeResponse, wire.TypeNegotiateProtocol:
		case wire.TypeReadyForQuery:
			l.out = append(l.out, f...)
			return nil
		default:
			return serverError{wire.ErrMalformed}
		}
		l.out = append(l.out, f...)
	}
}

func (l *login) fromServer() ([]byte, error) {
	f, err := l.server.frame(maxLoginFrame)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, serverError{err}
	}
	return f, nil
}

// say sends the server a message of the login.
func (l *login) say(m pgproto3.FrontendMessage) error {
	b, err := m.Encode(nil)
	if err != nil {
		return err
	}
	return l.toServer(b)
}

func (l *login) toServer(b []byte) error {
	if _, err := l.server.Write(b); err != nil {
		return serverError{err}
	}
	return nil
}

// serverRefused relays the error with which the server ends the startup.
func (l *login) serverRefused(f []byte) error {
	l.out = append(l.out, f...)
	if err := l.flush(); err != nil {
		return err
	}
	return errServerRefused
}

func (l *login) flush() error {
	_, err := l.client.Write(l.out)
	l.out = l.out[:0]
	if err != nil {
		return clientError{err}
	}
	return nil
}

// parseMechanisms reads the list of an AuthenticationSASL.
func parseMechanisms(b []byte) ([]string, error) {
	var names []string
	for {
		name, rest, ok := bytes.Cut(b, []byte{0})
		switch {
		case !ok:
			return nil, wire.ErrMalformed
		case len(name) == 0:
			return names, nil
		}
		names = append(names, string(name))
		b = rest
	}
}

func isPlus(mechanism string) bool { return mechanism == scramSHA256Plus }
