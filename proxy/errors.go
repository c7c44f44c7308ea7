package proxy

import "pgseal/wire"

// SQLSTATEs of what the proxy says itself.
const (
	codeConnectionFailure    = "08006"
	codeCannotConnect        = "08001"
	codeProtocolViolation    = "08P01"
	codeFeatureNotSupported  = "0A000"
	codeInvalidAuthorization = "28000"
	codeTooManyConnections   = "53300"
	codeNotReady             = "55000"
	codeQueryCanceled        = "57014"
	codeAdminShutdown        = "57P01"
	codeCannotConnectNow     = "57P03"
	codeIdleSessionTimeout   = "57P05"
	codeInternal             = "XX000"
)

func fatal(code, message string) *wire.Error {
	return &wire.Error{Severity: wire.SeverityFatal, Code: code, Message: message}
}

func protocolViolation(message string) *wire.Error { return fatal(codeProtocolViolation, message) }

// The texts are PostgreSQL's own where it has one for the case.
var (
	errTooMany      = fatal(codeTooManyConnections, "sorry, too many clients already")
	errShuttingDown = fatal(codeCannotConnectNow, "the database system is shutting down")
	errTerminated   = fatal(codeAdminShutdown, "terminating connection due to administrator command")
	errIdleTooLong  = fatal(codeIdleSessionTimeout, "terminating connection due to idle-session timeout")
	errUnreachable  = fatal(codeCannotConnect, "pgseal could not connect to the PostgreSQL server")
	errLost         = fatal(codeConnectionFailure, "the PostgreSQL server closed the connection during the startup")
	errLoginTimeout = fatal(codeQueryCanceled, "canceling authentication due to timeout")
	errNoCert       = fatal(codeInvalidAuthorization, "connection requires a valid client certificate")
	errCatalog      = &wire.Error{
		Severity: wire.SeverityFatal,
		Code:     codeConnectionFailure,
		Message:  "pgseal cannot read which columns of this database are sealed",
		Hint:     "The log of pgseal says why: its own role must be able to connect to this database and to read the schema pgseal.",
	}
	errOldSchema = &wire.Error{
		Severity: wire.SeverityFatal,
		Code:     codeNotReady,
		Message:  "the pgseal schema of this database is older than the proxy",
		Hint:     "pgseal init upgrades it.",
	}
	errInternal = &wire.Error{
		Severity: wire.SeverityFatal,
		Code:     codeInternal,
		Message:  "pgseal: internal error, the session is closed",
		Hint:     "The log of pgseal has the details. Please report it.",
	}
)
