package wire

// Frame types a client sends. Password, SASL and GSS answers share 'p' and are
// part of the startup.
const (
	TypeBind         = 'B'
	TypeClose        = 'C'
	TypeDescribe     = 'D'
	TypeExecute      = 'E'
	TypeFunctionCall = 'F'
	TypeFlush        = 'H'
	TypeParse        = 'P'
	TypeQuery        = 'Q'
	TypeSync         = 'S'
	TypeTerminate    = 'X'
	TypePassword     = 'p'
)

// Frame types of COPY, sent by both sides.
const (
	TypeCopyData = 'd'
	TypeCopyDone = 'c'
	TypeCopyFail = 'f' // client only
)

// Frame types a server sends.
const (
	TypeParseComplete        = '1'
	TypeBindComplete         = '2'
	TypeCloseComplete        = '3'
	TypeNotificationResponse = 'A'
	TypeCommandComplete      = 'C'
	TypeDataRow              = 'D'
	TypeErrorResponse        = 'E'
	TypeCopyInResponse       = 'G'
	TypeCopyOutResponse      = 'H'
	TypeEmptyQueryResponse   = 'I'
	TypeBackendKeyData       = 'K'
	TypeNoticeResponse       = 'N'
	TypeAuthentication       = 'R'
	TypeParameterStatus      = 'S'
	TypeRowDescription       = 'T'
	TypeFunctionCallResponse = 'V'
	TypeCopyBothResponse     = 'W'
	TypeReadyForQuery        = 'Z'
	TypeNoData               = 'n'
	TypePortalSuspended      = 's'
	TypeParameterDescription = 't'
	TypeNegotiateProtocol    = 'v'
)

// Format codes of parameters and result columns.
const (
	Text   int16 = 0
	Binary int16 = 1
)

// Null is the length on the wire of a NULL.
const Null int32 = -1

// FromClient reports whether a client may send a frame of that type after the
// startup.
func FromClient(typ byte) bool {
	switch typ {
	case TypeBind, TypeClose, TypeDescribe, TypeExecute, TypeFunctionCall, TypeFlush,
		TypeParse, TypeQuery, TypeSync, TypeTerminate, TypeCopyData, TypeCopyDone, TypeCopyFail:
		return true
	}
	return false
}

// FromServer reports whether a server may send a frame of that type after the
// startup.
func FromServer(typ byte) bool {
	switch typ {
	case TypeParseComplete, TypeBindComplete, TypeCloseComplete, TypeNotificationResponse,
		TypeCommandComplete, TypeDataRow, TypeErrorResponse, TypeCopyInResponse,
		TypeCopyOutResponse, TypeEmptyQueryResponse, TypeBackendKeyData, TypeNoticeResponse,
		TypeParameterStatus, TypeRowDescription, TypeFunctionCallResponse, TypeCopyBothResponse,
		TypeReadyForQuery, TypeNoData, TypePortalSuspended, TypeParameterDescription,
		TypeCopyData, TypeCopyDone:
		return true
	}
	return false
}
