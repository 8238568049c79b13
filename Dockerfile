# The whole pipeline as one plain `docker build -o out .`: the same out/minsys, bit for bit, as
# `make` gives outside of a container. Docker 23 or later (BuildKit), no flag, no entitlement.
#
#   docker build -o out .                     all of out/minsys
#   docker build --target kernel -o kernel .  only the kernel; or sysroot, or rootfs
#   docker build --target boot-test .         boot both images in QEMU, within the build
#   docker build --target system -t minsys .  an image that boots the system:
#   docker run -it --rm minsys
#
# Docker forbids namespaces in a build step, so each stage of the pipeline runs in a sandbox made
# with Landlock, seccomp and a uid of its own. That works because the builder's `/` is the tools
# root itself. Only installing packages and downloading have a network.

# A digest can be given here: --build-arg BASE=debian:bookworm-slim@sha256:...
ARG BASE=debian:bookworm-slim

# --- The runner, compiled ---------------------------------------------------------------------
FROM --platform=linux/amd64 ${BASE} AS runner
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /minsys/project
COPY scripts/packages scripts/packages
RUN scripts/packages build
COPY Makefile ./
COPY src src
# An error that names this line, "Unknown flag: network": Docker is older than 23.
RUN --network=none make -j"$(nproc)" programs

# --- Downloads ----------------------------------------------------------------------------------
# What was downloaded, and the tools root unpacked of it, stay in a cache from one build to the next;
# layers get what this one needs. The tools root:
FROM runner AS tools
COPY toolchain toolchain
COPY stages/sources.yaml stages/sources.yaml
RUN --mount=type=cache,id=minsys-downloads,target=/cache \
	MINSYS_CACHE=/cache out/bin/minsys root /tools --results /store

# The sources, as archives:
FROM runner AS sources
COPY scripts/kconfig scripts/kconfig
COPY targets targets
COPY toolchain toolchain
COPY stages stages
RUN --mount=type=cache,id=minsys-downloads,target=/cache \
	MINSYS_CACHE=/cache out/bin/minsys fetch --results /store

# --- The builder: the tools root as `/`, and the static runner ----------------------------------
FROM scratch AS builder
COPY --from=tools /tools /
COPY --from=tools /store /minsys/store
COPY --from=runner /minsys/project/out/bin/minsys /minsys/project/out/bin/minsys-sandbox \
	/minsys/project/out/bin/minsys-cpp /minsys/bin/
WORKDIR /minsys/project
# The folders of the project that are sources, and what every plan is read from.
COPY scripts/kconfig scripts/kconfig
COPY src/base src/base
COPY src/image src/image
COPY targets targets
COPY toolchain toolchain
COPY stages/sources.yaml stages/sources.yaml
ENV MINSYS_CACHE=/minsys/store PATH=/minsys/bin:/usr/bin

# --- The stages ---------------------------------------------------------------------------------
# Each sees only the stage files that it is made from, so that a change in one builds that stage
# and what needs it. /results hands outputs on; /out is what of them belongs into out/minsys.
FROM builder AS build-linux
COPY stages/linux stages/linux
RUN --network=none --mount=type=bind,from=sources,source=/store/downloads,target=/minsys/store/downloads \
	minsys build linux --offline --results /results --out /out/minsys

FROM builder AS build-linux-headers
COPY stages/linux-headers stages/linux-headers
RUN --network=none --mount=type=bind,from=sources,source=/store/downloads,target=/minsys/store/downloads \
	minsys build linux-headers --offline --results /results

FROM builder AS build-sysroot
COPY stages/linux-headers stages/linux-headers
COPY stages/sysroot stages/sysroot
COPY --from=build-linux-headers /results /minsys/store
RUN --network=none --mount=type=bind,from=sources,source=/store/downloads,target=/minsys/store/downloads \
	minsys build sysroot --offline --results /results --out /out/minsys

FROM builder AS build-busybox
COPY stages/linux-headers stages/linux-headers
COPY stages/sysroot stages/sysroot
COPY stages/busybox stages/busybox
COPY --from=build-sysroot /results /minsys/store
RUN --network=none --mount=type=bind,from=sources,source=/store/downloads,target=/minsys/store/downloads \
	minsys build busybox --offline --results /results

FROM builder AS build-rootfs
COPY stages/linux-headers stages/linux-headers
COPY stages/sysroot stages/sysroot
COPY stages/busybox stages/busybox
COPY stages/rootfs stages/rootfs
COPY --from=build-busybox /results /minsys/store
RUN --network=none minsys build rootfs --offline --results /results --out /out/minsys

FROM builder AS build-minsys-image
COPY stages/minsys-image stages/minsys-image
RUN --network=none minsys build minsys-image --offline --results /results

# The small stages that are left, and the whole of out/minsys.
FROM builder AS build-images
COPY stages stages
COPY --from=build-rootfs /results /minsys/store
COPY --from=build-minsys-image /results /minsys/store
COPY --from=build-linux /results /minsys/store
RUN --network=none minsys build --offline --out /out/minsys

# --- Booted -------------------------------------------------------------------------------------
FROM --platform=linux/amd64 ${BASE} AS system
RUN apt-get update && apt-get install -y --no-install-recommends qemu-system-arm
COPY --from=build-images /out/minsys /minsys
WORKDIR /minsys
CMD ["./run_initramfs.sh"]

FROM system AS boot-test
COPY --from=runner /minsys/project/out/bin/minsys /usr/local/bin/
RUN --network=none minsys boot --out . -- 'uname -m && echo "from the initramfs: $(mount | grep " / ")"'
RUN --network=none minsys boot --disk --out . -- 'uname -m && echo "from the disk: $(mount | grep " / ")"'

# --- What `-o` gives ----------------------------------------------------------------------------
FROM scratch AS kernel
COPY --from=build-linux /out /

FROM scratch AS sysroot
COPY --from=build-sysroot /out /

FROM scratch AS rootfs
COPY --from=build-rootfs /out /

FROM scratch AS images
COPY --from=build-images /out /
