package storage

import (
	"fmt"
	"runtime/debug"
)

// FaultError says that memory mapped from a file was not there when it was
// touched: the file was cut short, or its file system is full.
type FaultError struct {
	Addr uintptr
	Err  error
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("mapped memory at %#x is gone (was its file cut short?): %v", e.Addr, e.Err)
}

func (e *FaultError) Unwrap() error { return e.Err }

// Guard runs fn and turns a fault on mapped memory, which would kill the process
// by SIGBUS, into a FaultError. Any other panic goes on. Everything that touches
// the bytes of a block runs under it; it costs some nanoseconds. It guards the
// calling goroutine alone, not those that fn starts.
func Guard(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		fault := recover()
		if fault == nil {
			return
		}
		at, ok := fault.(interface {
			error
			Addr() uintptr
		})
		if !ok {
			panic(fault)
		}
		err = &FaultError{Addr: at.Addr(), Err: at}
	}()
	return fn()
}
