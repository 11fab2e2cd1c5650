package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// CheckContinue is CheckPath, and also returns the error of CheckBegun.
func CheckContinue(path string) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	return CheckBegun(path)
}

// CheckBegun returns an error if a file has something that is not a trace of this version:
// ErrNotTrace or ErrVersion. No reader would read what is appended to that, and it may be
// somebody's data. A file that does not exist or cannot be read is no error.
func CheckBegun(path string) error {
	err := checkBegun(path)
	if errors.Is(err, ErrNotTrace) || errors.Is(err, ErrVersion) {
		return fmt.Errorf("%w (choose another file, or remove this one)", err)
	}
	return err
}

func checkBegun(path string) error {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	s, err := openSource(path)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		return nil // a file that this user can only write to, or that was removed
	}
	if err != nil {
		return err
	}
	defer s.close()
	line, err := s.readLine()
	if err == io.EOF { // the next message goes to the same line
		line, s.number = s.line, 1
	} else if err != nil {
		return err
	}
	if _, err = s.parse(line); errors.Is(err, errDamaged) {
		return nil // what follows can be read
	}
	return err
}
