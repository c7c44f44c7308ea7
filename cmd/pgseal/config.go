package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// Every flag has an environment variable PGSEAL_<FLAG> and a key in the YAML
// file that --config names. Flag beats environment beats file.

// notSettings are flags that only make sense on a command line.
var notSettings = []string{"help", "config"}

// settle fills the flags that were not given from the environment, then from
// the file.
func settle(cmd *cobra.Command) error {
	flags := cmd.Flags()
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || failed != nil {
			return
		}
		name := envName(f.Name)
		if value, ok := os.LookupEnv(name); ok {
			if err := flags.Set(f.Name, value); err != nil {
				failed = &usageError{fmt.Errorf("%s: %w", name, err)}
			}
		}
	})
	if failed != nil {
		return failed
	}
	file := flags.Lookup("config")
	if file == nil || file.Value.String() == "" {
		return nil
	}
	return settleFromFile(flags, file.Value.String())
}

func envName(flag string) string {
	return "PGSEAL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func settleFromFile(flags *pflag.FlagSet, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return &usageError{fmt.Errorf("configuration file: %w", err)}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return &usageError{fmt.Errorf("configuration file %s: %w", path, err)}
	}
	if len(document.Content) == 0 {
		return nil
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return &usageError{fmt.Errorf("configuration file %s: not a list of KEY: VALUE lines", path)}
	}
	seen := map[string]bool{}
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		at := func(err error) error {
			return &usageError{fmt.Errorf("configuration file %s, line %d: %s: %w", path, key.Line, key.Value, err)}
		}
		f := flags.Lookup(key.Value)
		switch {
		case f == nil || slices.Contains(notSettings, key.Value):
			return at(errors.New("unknown key"))
		case seen[key.Value]:
			return at(errors.New("given twice"))
		case value.Kind != yaml.ScalarNode:
			return at(errors.New("not a single value"))
		}
		seen[key.Value] = true
		if f.Changed {
			continue
		}
		if err := flags.Set(f.Name, value.Value); err != nil {
			return at(err)
		}
	}
	return nil
}
