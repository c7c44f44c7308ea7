package logical

import "slices"

// DomainRules are what a domain adds to its base type.
type DomainRules struct {
	NotNull    bool
	Checks     []Check
	HasDefault bool
}

// Domain defines a domain. The rules of a domain that it is over come first.
func Domain(id Identity, base Type, rules DomainRules) *Definition {
	content := []string{"domain", utoa(base.OID), utoa(uint32(base.Typmod))}
	if base.Def != nil {
		content = append(content, utoa(uint32(base.Def.version)), utoa(uint32(base.Def.version>>32)))
	}
	if rules.NotNull {
		content = append(content, "not null")
	}
	for _, c := range rules.Checks {
		content = append(content, c.name, c.text)
	}
	if under := base.Def; under != nil && under.isDomain() {
		rules.NotNull = rules.NotNull || under.notNull
		rules.Checks = slices.Concat(under.checks, rules.Checks)
		base = under.base
	}
	d := newDefinition(id, content...)
	if !rules.NotNull {
		for _, c := range rules.Checks {
			if c.notNull {
				rules.NotNull, d.nullCheck = true, c.name
				break
			}
		}
	}
	d.base, d.notNull, d.checks, d.HasDefault = base, rules.NotNull, rules.Checks, rules.HasDefault
	// What is read as the domain, also as an element of its arrays, obeys all its
	// rules; casts to it go through the base type.
	own := *base.codec()
	d.codec = own
	d.codec.name = QuoteName(id.Name)
	d.codec.fit, d.codec.typmodName = nil, nil
	if base.Def != nil && base.Def.isEnum {
		d.codec.incomparable = true // the operators of enums do not take it
	}
	d.codec.in = func(dst, text []byte, s *Settings) ([]byte, error) {
		out, err := own.in(dst, text, s)
		return d.obey(dst, out, Assign, err)
	}
	d.codec.recv = func(dst, data []byte) ([]byte, error) {
		out, err := own.recv(dst, data)
		return d.obey(dst, out, Assign, err)
	}
	if own.receive != nil {
		d.codec.receive = func(dst, data []byte, s *Settings) ([]byte, error) {
			out, err := own.receive(dst, data, s)
			return d.obey(dst, out, Assign, err)
		}
	}
	return d
}

func (d *Definition) isDomain() bool { return d.base.OID != 0 }

// obey applies the base type's typmod and the rules to the canonical value that
// out has behind dst.
func (d *Definition) obey(dst, out []byte, use Use, err error) ([]byte, error) {
	start := len(dst)
	if err == nil && d.base.Typmod >= 0 {
		if fit := d.base.codec().fit; fit != nil {
			out, err = fit(out, start, d.base.Typmod, use)
		}
	}
	if err == nil {
		err = d.test(out[start:])
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// test refuses a canonical value that a CHECK refuses.
func (d *Definition) test(canonical []byte) error {
	for i := range d.checks {
		c := &d.checks[i]
		ok, err := c.passes(canonical)
		if err != nil {
			return err
		}
		if !ok {
			return d.violated(c.name)
		}
	}
	return nil
}

func (d *Definition) violated(check string) error {
	return &Error{Code: codeCheckViolation, Late: true, Schema: d.Schema, Type: d.Name, Constraint: check,
		Message: "value for domain " + d.codec.name + ` violates check constraint "` + check + `"`}
}

// NullRefused is what the server says of NULL for a domain that is NOT NULL.
func (d *Definition) NullRefused() error {
	if d.nullCheck != "" {
		return d.violated(d.nullCheck)
	}
	return &Error{Code: codeNotNullViolation, Late: true, Schema: d.Schema, Type: d.Name,
		Message: "domain " + d.codec.name + " does not allow null values"}
}

// NotNull says whether the type is a domain that refuses NULL.
func (d *Definition) NotNull() bool { return d.notNull }

// appendDomain is AppendCanonical for a domain.
func (d *Definition) appendDomain(dst []byte, own uint32, v Value, use Use, s *Settings) ([]byte, error) {
	bare := v.OID == 0 || v.OID == oidUnknown || v.OID == own
	switch {
	case use == Cast && v.OID == oidUnknown:
		// A literal is read as the base type and then cast.
	case use == Compare && bare:
		v.OID = d.base.OID
		return d.base.AppendCanonical(dst, v, use, s)
	case use == Compare:
		return d.base.AppendCanonical(dst, v, use, s)
	case bare:
		return d.codec.read(dst, v, s)
	}
	out, err := d.base.AppendCanonical(dst, v, use, s)
	if err == nil {
		err = d.test(out[len(dst):])
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Shown is the type as a RowDescription shows it: the base type of a domain.
func (t Type) Shown() Type {
	if t.Def != nil && t.Def.isDomain() {
		return t.Def.base
	}
	return t
}
