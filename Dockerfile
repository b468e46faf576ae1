# All images of the platform: one target each, named like the component. See docs/container-images.md.
#
#   docker build --target backend -t kafka-ml/backend:0.1.0 .
#
# Packages come before code everywhere, in stages of their own, so an edit of our code only copies a few files again.

ARG REGISTRY=docker.io/library
# cpu or gpu
ARG ACCELERATOR=cpu

# ---- What every Python image is, but for packages and code -----------------------------------------------------------
FROM ${REGISTRY}/python:3.11-slim-bookworm AS python
RUN groupadd --gid 10001 kafka-ml \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin kafka-ml \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/kafka-ml
# Only /tmp and the state folder are written to; the root file system may be read-only.
ENV PATH=/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KML_STATE_DIR=/var/lib/kafka-ml
WORKDIR /app
LABEL org.opencontainers.image.title="Kafka-ML" \
      org.opencontainers.image.description="Connects data streams with machine learning" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"

# ---- Packages: each image is built upon the stage that holds its own ------------------------------------------------------
# Copying an environment out of a build stage would cost its gigabyte twice, and a reading of it at every build.
FROM python AS install
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=
# Our code lies next to the environment, in /app itself. This line makes it importable from any current folder.
RUN python3 -m venv --without-pip /app/.venv \
 && /app/.venv/bin/python -c "import site; open(site.getsitepackages()[0] + '/kafka-ml.pth', 'w').write('/app\n')"
COPY scripts/images/cut_lock.py /install/

FROM install AS base-packages
COPY requirements/base.txt /install/
RUN pip --python /app/.venv/bin/python install --no-deps --no-compile --require-hashes -r /install/base.txt \
 && find /app/.venv -depth -type d -name tests -exec rm -r {} + \
 && python3 -m compileall -q /app/.venv/lib

FROM install AS worker-packages
COPY requirements/worker.txt /install/
RUN pip --python /app/.venv/bin/python install --no-deps --no-compile --require-hashes -r /install/worker.txt \
 && find /app/.venv -depth -type d -name tests -exec rm -r {} + \
 && python3 -m compileall -q /app/.venv/lib

FROM install AS server-packages
COPY requirements/server.txt /install/
RUN pip --python /app/.venv/bin/python install --no-deps --no-compile --require-hashes -r /install/server.txt \
 && find /app/.venv -depth -type d -name tests -exec rm -r {} + \
 && python3 -m compileall -q /app/.venv/lib

# ---- The web UI ----------------------------------------------------------------------------------------------------------
FROM ${REGISTRY}/node:20-bookworm-slim AS pages
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY frontend ./
# The templates of models are the examples' own files.
COPY examples /src/examples
RUN npm run --silent generate && node_modules/.bin/vite build --logLevel warn

FROM server-packages AS web
COPY --from=pages /src/backend/web /web
RUN /app/.venv/bin/python -m whitenoise.compress --quiet /web

# ---- The documentation, whose reference is written from the code: served by the backend ------------------------------------------
FROM base-packages AS documentation
COPY requirements/docs.txt /install/
RUN python3 -m venv --without-pip /zensical \
 && pip --python /zensical/bin/python install --no-deps --require-hashes -r /install/docs.txt
WORKDIR /src
COPY LICENSE README.md CHANGELOG.md CITATION.cff CONTRIBUTING.md SECURITY.md ./
COPY scripts/cluster/README.md scripts/cluster/
COPY scripts/documentation scripts/documentation
COPY k8s/README.md k8s/
COPY examples examples
COPY datasources datasources
COPY kafkaml kafkaml
COPY kafka_ml_cli kafka_ml_cli
COPY frontend/openapi.json frontend/
COPY frontend/public frontend/public
COPY docs docs
RUN /app/.venv/bin/python -m scripts.documentation /pages \
 && /zensical/bin/zensical build --strict --config-file /pages/zensical.toml \
 && /app/.venv/bin/python -m scripts.documentation.finish /pages/site

# ---- Our code: one stage for each group of images that share it, so that an edit touches those alone -----------------------
# The metadata of the installed distribution, without its files.
FROM install AS metadata
COPY requirements/all.txt /install/
RUN python3 /install/cut_lock.py /install/all.txt --only hatchling packaging pathspec pluggy trove-classifiers > /install/build.txt \
 && pip install --no-deps --require-hashes -r /install/build.txt
WORKDIR /src
COPY LICENSE README.md pyproject.toml hatch_build.py ./
RUN for package in kafkaml datasources kafka_control_logger mlcode_executor model_training model_inference backend platform_local kafka_ml_cli; do \
      mkdir $package && touch $package/__init__.py; done \
 && pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && python3 -m zipfile -e /tmp/wheel/*.whl /tmp/content \
 && mkdir /metadata && cp -r /tmp/content/*.dist-info /metadata && rm /metadata/*.dist-info/RECORD

# Compiled files are used without checking the sources, which nobody can change.
FROM python AS control-logger-code
WORKDIR /code
COPY --from=metadata /metadata ./
COPY kafkaml kafkaml
COPY kafka_control_logger kafka_control_logger
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /app /code

FROM python AS worker-code
WORKDIR /code
COPY --from=metadata /metadata ./
COPY kafkaml kafkaml
COPY mlcode_executor mlcode_executor
COPY model_training model_training
COPY model_inference model_inference
COPY kafka_ml_cli kafka_ml_cli
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /app /code

FROM python AS elsewhere-code
WORKDIR /code
COPY --from=metadata /metadata ./
COPY kafkaml kafkaml
COPY mlcode_executor mlcode_executor
COPY model_inference model_inference
COPY kafka_ml_cli kafka_ml_cli
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /app /code

FROM python AS backend-code
WORKDIR /code
COPY --from=metadata /metadata ./
COPY kafkaml kafkaml
COPY backend backend
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /app /code

# ---- Images without a framework ------------------------------------------------------------------------------------------------
FROM base-packages AS kafka_control_logger
ENV PYTHONDONTWRITEBYTECODE=1
COPY --from=control-logger-code /code /app
USER 10001:10001
CMD ["python", "-P", "-m", "kafka_control_logger"]

# A worker elsewhere, for models that were converted to ONNX: docker run kafka-ml/worker:0.1.0 --url ... --inference ...
FROM worker-packages AS worker
ENV PYTHONDONTWRITEBYTECODE=1
COPY --from=elsewhere-code /code /app
USER 10001:10001
ENTRYPOINT ["python", "-P", "-m", "kafka_ml_cli.main", "worker", "run"]

# The controller and the set-up of the database are other commands of this image: python -P -m backend.manage ...
FROM server-packages AS backend
ENV PYTHONDONTWRITEBYTECODE=1 KML_WEB_BIND=0.0.0.0:8000
COPY --from=web /web /app/backend/web
COPY --from=documentation /pages/site /app/backend/documentation
COPY --from=backend-code /code /app
USER 10001:10001
EXPOSE 8000
CMD ["python", "-P", "-m", "gunicorn", "-c", "python:backend.config.gunicorn", "backend.config.asgi:application"]

FROM ${REGISTRY}/debian:bookworm-slim AS frontend
RUN apt-get update \
 && apt-get install -y --no-install-recommends nginx \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/www \
      /etc/nginx/sites-enabled /etc/nginx/modules-enabled \
 && groupadd --gid 10001 kafka-ml \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin kafka-ml
COPY frontend/nginx/ /etc/nginx/
COPY --from=web /web /usr/share/kafka-ml/web
ENV HOME=/tmp
LABEL org.opencontainers.image.title="Kafka-ML" \
      org.opencontainers.image.description="Connects data streams with machine learning" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"
USER 10001:10001
EXPOSE 8080
# Until the configuration is read, the log goes to the package's default path, which is not writable.
CMD ["nginx", "-e", "stderr"]

# ---- TensorFlow ------------------------------------------------------------------------------------------------------------------
FROM install AS tensorflow-packages
ARG ACCELERATOR
COPY requirements/tensorflow-*.txt scripts/images/exercise.py scripts/images/exercise_tensorflow.py /install/
# Headers are for building extensions, libclang for building TensorFlow, symbol tables for debuggers.
RUN case $ACCELERATOR in cpu | gpu) ;; *) echo "ACCELERATOR is '$ACCELERATOR': expected cpu or gpu" >&2; exit 2 ;; esac \
 && python3 /install/cut_lock.py /install/tensorflow-$ACCELERATOR.txt --without libclang > /install/packages.txt \
 && pip --python /app/.venv/bin/python install --no-deps --no-compile --require-hashes -r /install/packages.txt \
 && cd /app/.venv/lib/python3*/site-packages \
 && rm -r tensorflow/include \
 && find . -depth -type d -name tests -exec rm -r {} + \
 && apt-get update && apt-get install -y --no-install-recommends binutils \
 && find tensorflow -type f -name '*.so*' -size +1M -exec strip --strip-unneeded {} + \
 && apt-get purge -y --auto-remove binutils \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 && /app/.venv/bin/python -W ignore /install/exercise.py tensorflow

FROM tensorflow-packages AS tensorflow
ENV PYTHONDONTWRITEBYTECODE=1
COPY --from=worker-code /code /app
USER 10001:10001

FROM tensorflow AS tfexecutor
EXPOSE 8001
CMD ["python", "-P", "-m", "mlcode_executor", "--framework", "tensorflow", "--host", "0.0.0.0", "--port", "8001"]

FROM tensorflow AS model_training_tensorflow
CMD ["python", "-P", "-m", "model_training"]

FROM tensorflow AS model_inference_tensorflow
CMD ["python", "-P", "-m", "model_inference"]

# ---- PyTorch ---------------------------------------------------------------------------------------------------------------------
FROM install AS pytorch-packages
ARG ACCELERATOR
# An index that has PyTorch built for CPUs, e.g. https://download.pytorch.org/whl/cpu. Without one the package index's
# only build, for GPUs, is taken, without CUDA's libraries.
ARG PYTORCH_INDEX=
COPY requirements/pytorch.txt scripts/images/exercise.py scripts/images/exercise_pytorch.py scripts/images/stub_gpu_libraries.py \
     /install/
RUN case $ACCELERATOR in \
      gpu) without= ;; \
      cpu) without="triton cuda-* nvidia-cublas nvidia-cuda-cccl nvidia-cuda-nvrtc nvidia-cudnn-* nvidia-cufft nvidia-cufile nvidia-cusolver nvidia-cusparse* nvidia-nccl-* nvidia-nvjitlink nvidia-nvshmem-* nvidia-nvtx" ;; \
      *) echo "ACCELERATOR is '$ACCELERATOR': expected cpu or gpu" >&2; exit 2 ;; esac \
 && if [ -n "$PYTORCH_INDEX" ]; then without="triton cuda-* nvidia-* torch"; fi \
 && set -f \
 && python3 /install/cut_lock.py /install/pytorch.txt --without $without > /install/packages.txt \
 && set +f \
 && pip --python /app/.venv/bin/python install --no-deps --no-compile --require-hashes -r /install/packages.txt \
 && if [ -n "$PYTORCH_INDEX" ]; then \
      pip --python /app/.venv/bin/python install --no-deps --no-compile --index-url "$PYTORCH_INDEX" \
        "$(grep -o '^torch==[^ ]*' /install/pytorch.txt)"; fi \
 && cd /app/.venv/lib/python3*/site-packages \
 && find . -depth -type d -name tests -exec rm -r {} + \
 && apt-get update && apt-get install -y --no-install-recommends binutils gcc libc6-dev \
 && if [ "$ACCELERATOR$PYTORCH_INDEX" = cpu ]; then \
      rm -r torch/include torch/bin/protoc* torch/lib/libtorch_cuda_linalg.so torch/lib/libcaffe2_nvrtc.so nvidia/*/include \
   && find nvidia -type f ! -name 'libcudart.so*' ! -name 'libcupti.so*' -delete \
   && /app/.venv/bin/python /install/stub_gpu_libraries.py torch/lib; fi \
 && find torch -type f -name '*.so*' -size +1M -exec strip --strip-unneeded {} + \
 && apt-get purge -y --auto-remove binutils gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 && /app/.venv/bin/python -W ignore /install/exercise.py pytorch

FROM pytorch-packages AS pytorch
ENV PYTHONDONTWRITEBYTECODE=1
COPY --from=worker-code /code /app
USER 10001:10001

FROM pytorch AS pthexecutor
EXPOSE 8002
CMD ["python", "-P", "-m", "mlcode_executor", "--framework", "pytorch", "--host", "0.0.0.0", "--port", "8002"]

FROM pytorch AS model_training_pytorch
CMD ["python", "-P", "-m", "model_training"]

FROM pytorch AS model_inference_pytorch
CMD ["python", "-P", "-m", "model_inference"]
