from model_training.tiny import main

if __name__ == "__main__":
    main()
