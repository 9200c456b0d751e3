// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
)

// The calls are read and answered here, not by the generated processor. That
// takes a limit that is left out for 0, puts the text of Go errors into replies,
// answers half-read messages, and starts a goroutine with a ticker of 5 ms for
// each call, which long polls by the thousand would pay for.

// A method reads the arguments of a call.
type method struct {
	// waits says that the call may take long without doing anything.
	waits bool
	read  func(context.Context, apache.TProtocol) (call, error)
	// failed returns what a reply with an exception holds.
	failed func(*featureflagstore.FlipperException) apache.TStruct
}

// A call is a request that was read. It returns what the reply holds.
type call func(context.Context, *Server) apache.TStruct

func reads[A apache.TStruct](
	newArgs func() A,
	failed func(*featureflagstore.FlipperException) apache.TStruct,
	answer func(context.Context, *Server, A) apache.TStruct,
) method {
	read := func(ctx context.Context, in apache.TProtocol) (call, error) {
		args := newArgs()
		if err := args.Read(ctx, in); err != nil {
			return nil, err
		}
		return func(ctx context.Context, s *Server) apache.TStruct { return answer(ctx, s, args) }, nil
	}
	return method{read: read, failed: failed}
}

func (m method) thatWaits() method {
	m.waits = true
	return m
}

// declared returns the exception that a result holds.
func declared(err error) *featureflagstore.FlipperException {
	if err == nil {
		return nil
	}
	if e, ok := err.(*featureflagstore.FlipperException); ok { //nolint:errorlint // nothing else is ever sent
		return e
	}
	return exception(featureflagstore.ErrorCode_UNAVAILABLE, "the service failed")
}

var methods = map[string]method{
	"Create": reads(featureflagstore.NewFeatureFlagStoreCreateArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreCreateResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreCreateArgs) apache.TStruct {
			item, err := s.service.Create(ctx, a.FeatureName, a.IsEnabled, a.ClientData)
			return &featureflagstore.FeatureFlagStoreCreateResult{Success: item, Error: declared(err)}
		}),
	"Get": reads(featureflagstore.NewFeatureFlagStoreGetArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreGetResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreGetArgs) apache.TStruct {
			item, err := s.service.Get(ctx, a.FeatureName)
			return &featureflagstore.FeatureFlagStoreGetResult{Success: item, Error: declared(err)}
		}),
	"Set": reads(featureflagstore.NewFeatureFlagStoreSetArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreSetResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreSetArgs) apache.TStruct {
			err := s.service.Set(ctx, a.FeatureName, a.IsEnabled)
			return &featureflagstore.FeatureFlagStoreSetResult{Error: declared(err)}
		}),
	"Delete": reads(featureflagstore.NewFeatureFlagStoreDeleteArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreDeleteResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreDeleteArgs) apache.TStruct {
			err := s.service.Delete(ctx, a.FeatureName)
			return &featureflagstore.FeatureFlagStoreDeleteResult{Error: declared(err)}
		}),
	"List": reads(featureflagstore.NewFeatureFlagStoreListArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreListResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreListArgs) apache.TStruct {
			items, err := s.service.List(ctx, a.Limit, a.Offset)
			return &featureflagstore.FeatureFlagStoreListResult{Success: items, Error: declared(err)}
		}),
	"SetMeta": reads(featureflagstore.NewFeatureFlagStoreSetMetaArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreSetMetaResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreSetMetaArgs) apache.TStruct {
			err := s.service.SetMeta(ctx, a.FeatureName, a.Meta)
			return &featureflagstore.FeatureFlagStoreSetMetaResult{Error: declared(err)}
		}),
	"GetStored": reads(featureflagstore.NewFeatureFlagStoreGetStoredArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreGetStoredResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreGetStoredArgs) apache.TStruct {
			flag, err := s.service.GetStored(ctx, a.FeatureName)
			return &featureflagstore.FeatureFlagStoreGetStoredResult{Success: flag, Error: declared(err)}
		}),
	"CompareAndSet": reads(featureflagstore.NewFeatureFlagStoreCompareAndSetArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreCompareAndSetResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreCompareAndSetArgs) apache.TStruct {
			flag, err := s.service.CompareAndSet(ctx, a.FeatureName, a.Item, a.Revision)
			return &featureflagstore.FeatureFlagStoreCompareAndSetResult{Success: flag, Error: declared(err)}
		}),
	"DeleteStored": reads(featureflagstore.NewFeatureFlagStoreDeleteStoredArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreDeleteStoredResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreDeleteStoredArgs) apache.TStruct {
			err := s.service.DeleteStored(ctx, a.FeatureName)
			return &featureflagstore.FeatureFlagStoreDeleteStoredResult{Error: declared(err)}
		}),
	"ListStored": reads(featureflagstore.NewFeatureFlagStoreListStoredArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreListStoredResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreListStoredArgs) apache.TStruct {
			page, err := s.service.ListStored(ctx, a.First)
			return &featureflagstore.FeatureFlagStoreListStoredResult{Success: page, Error: declared(err)}
		}),
	"Watch": reads(featureflagstore.NewFeatureFlagStoreWatchArgs,
		func(e *featureflagstore.FlipperException) apache.TStruct {
			return &featureflagstore.FeatureFlagStoreWatchResult{Error: e}
		},
		func(ctx context.Context, s *Server, a *featureflagstore.FeatureFlagStoreWatchArgs) apache.TStruct {
			changes, err := s.service.waitForChange(ctx, s.stopping, a.Position, a.TimeoutMs)
			return &featureflagstore.FeatureFlagStoreWatchResult{Success: changes, Error: declared(err)}
		}).thatWaits(),
}
