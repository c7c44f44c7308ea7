package wire

import "strconv"

// Field codes of ErrorResponse and NoticeResponse.
const (
	FieldSeverity         = 'S' // translated
	FieldSeverityPlain    = 'V'
	FieldCode             = 'C'
	FieldMessage          = 'M'
	FieldDetail           = 'D'
	FieldHint             = 'H'
	FieldPosition         = 'P'
	FieldInternalPosition = 'p'
	FieldInternalQuery    = 'q'
	FieldWhere            = 'W'
	FieldSchema           = 's'
	FieldTable            = 't'
	FieldColumn           = 'c'
	FieldDataType         = 'd'
	FieldConstraint       = 'n'
	FieldRoutine          = 'R'
)

// ErrorFields are the fields of an ErrorResponse or NoticeResponse, checked
// once and then read in order.
type ErrorFields struct{ body []byte }

// ParseErrorFields reads an ErrorResponse or NoticeResponse body.
func ParseErrorFields(body []byte) (ErrorFields, error) {
	r := reader{b: body}
	for {
		code := r.byte()
		if r.bad {
			return ErrorFields{}, ErrMalformed
		}
		if code == 0 {
			break
		}
		r.cstring()
	}
	return ErrorFields{body: body}, r.end()
}

// Iter returns a cursor before the first field.
func (e ErrorFields) Iter() ErrorIter { return ErrorIter{rest: e.body} }

// ErrorIter walks ErrorFields.
type ErrorIter struct{ rest []byte }

// Next returns the next field; code 0 at the end.
func (it *ErrorIter) Next() (code byte, value []byte) {
	r := reader{b: it.rest}
	code = r.byte()
	if code == 0 {
		return 0, nil
	}
	value = r.cstring()
	it.rest = r.b
	return code, value
}

// Get returns the first field of that code, nil if there is none.
func (e ErrorFields) Get(code byte) []byte {
	for it := e.Iter(); ; {
		c, v := it.Next()
		if c == 0 {
			return nil
		}
		if c == code {
			return v
		}
	}
}

// AppendErrorField appends one field.
func AppendErrorField[S ~string | ~[]byte](dst []byte, code byte, value S) []byte {
	return AppendCString(append(dst, code), value)
}

// Append appends a frame of that type with the fields as they are.
func (e ErrorFields) Append(dst []byte, typ byte) []byte {
	dst, start := Begin(dst, typ)
	dst = append(dst, e.body...)
	return End(dst, start)
}

// Severities of an ErrorResponse.
const (
	SeverityError = "ERROR"
	SeverityFatal = "FATAL"
)

// Error is an error the proxy itself reports to a client. It may repeat what
// that client sent, so it goes to no log.
type Error struct {
	Severity   string // SeverityError when empty
	Code       string // SQLSTATE
	Message    string
	Detail     string
	Hint       string
	Position   int // 1-based, in characters of the client's text; 0 if none
	Where      string
	Schema     string
	Table      string
	Column     string
	DataType   string
	Constraint string
	Routine    string // the server's function that would report it: drivers recognise some errors by it
	// Unread: the text cannot even be parsed, so it fails alike in an aborted
	// transaction.
	Unread bool
	// Late: a value could be read, and what comes after that fails. The server does not
	// say where the value stands.
	Late bool
}

func (e *Error) Error() string { return e.Message }

// Append appends the ErrorResponse.
func (e *Error) Append(dst []byte) []byte {
	severity := e.Severity
	if severity == "" {
		severity = SeverityError
	}
	dst, start := Begin(dst, TypeErrorResponse)
	dst = AppendErrorField(dst, FieldSeverity, severity)
	dst = AppendErrorField(dst, FieldSeverityPlain, severity)
	dst = AppendErrorField(dst, FieldCode, e.Code)
	dst = AppendErrorField(dst, FieldMessage, e.Message)
	dst = appendOptional(dst, FieldDetail, e.Detail)
	dst = appendOptional(dst, FieldHint, e.Hint)
	if e.Position > 0 {
		dst = append(dst, FieldPosition)
		dst = strconv.AppendInt(dst, int64(e.Position), 10)
		dst = append(dst, 0)
	}
	dst = appendOptional(dst, FieldWhere, e.Where)
	dst = appendOptional(dst, FieldSchema, e.Schema)
	dst = appendOptional(dst, FieldTable, e.Table)
	dst = appendOptional(dst, FieldColumn, e.Column)
	dst = appendOptional(dst, FieldDataType, e.DataType)
	dst = appendOptional(dst, FieldConstraint, e.Constraint)
	dst = appendOptional(dst, FieldRoutine, e.Routine)
	dst = append(dst, 0)
	return End(dst, start)
}

func appendOptional(dst []byte, code byte, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendErrorField(dst, code, value)
}
