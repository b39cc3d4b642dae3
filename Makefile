# The front door. The build itself is Meson's: see meson.build.
BUILD ?= build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@./scripts/deps
	@meson setup $(BUILD)

.PHONY: all
