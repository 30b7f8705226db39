"""Multi-agent voice orchestration, and the harness that proves its handoffs."""
